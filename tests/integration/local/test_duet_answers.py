"""A duet on this machine tells where its versions answer the same payload differently."""

from __future__ import annotations

from pathlib import Path

import pytest

import tuner


@pytest.mark.parametrize(("answer", "hidden", "told"), [
    ("{'n': 2}", False, [': {"n": 1} and {"n": 2}. ']),
    ("{'n': 2}", True, [" differently. That"]),
    ("{'n': 1}", False, []),
])  # fmt: skip
def test_a_duet_tells_of_versions_that_answer_differently(
    tmp_path: Path, answer: str, hidden: bool, told: list[str]
) -> None:
    versions = {"baseline": str(tmp_path / "old.py"), "candidate": str(tmp_path / "new.py")}
    for version, text in zip(versions.values(), ("{'n': 1}", answer), strict=True):
        Path(version).write_text(f"def handler(event, context):\n    return {text}\n")
    own = {"runs": 1, "max_invocations": 16, "disable_payload_logs": hidden}
    target = f"{versions['baseline']}:handler"
    found = tuner.duet(target, {"n": 0}, **versions, **own)  # type: ignore[arg-type]
    messages = [notice.message for notice in found.warnings if notice.code == "answers_differ"]
    assert len(messages) == len(told)
    assert all(part in message for part, message in zip(told, messages, strict=True))
    for form in (found.to_text(width=1000), found.to_markdown(), found.to_html(), found.to_json()):
        assert ("answer the payload differently" in form) is bool(told)
    assert "".join(notice.message for notice in found.warnings).count('{"n": 2}') == (bool(told) and not hidden)
