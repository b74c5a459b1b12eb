"""What watching tells is what the golden files hold. Run with UPDATE_GOLDEN=1 to write them anew."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import pytest

from reports.words.watching import closing_comment, digest, found_sentence, pull_request, sns_message
from tuner.watch.decision import decide
from tuner.watch.messages import Retuning, RetuningOutcome, WatchReport, event, metrics
from tuner.watch.weeks import Week

GOLDEN = Path(__file__).parents[2] / "golden" / "watch"
NOW_S = 1_795_000_000.0
DIFF = "--- a/template.yaml\n+++ b/template.yaml\n@@ -7 +7 @@\n-      MemorySize: 512\n+      MemorySize: 1024\n"

TUNED = RetuningOutcome(
    Retuning.TUNED, "1,024 MB arm64 is recommended, 18% (12% to 24%) cheaper.", 0.12, "s3://bucket/report.html"
)


def report(*durations_ms: float) -> WatchReport:
    found = [Week(float(i), (math.log(ms),) * 7, 7_000, 28, 195) for i, ms in enumerate(durations_ms)]
    decision = decide(found, threshold=0.1, released=True)
    return WatchReport("orders", 512, decision, 0.1, found[-1], "tuner tune orders --payload @event.json")


def texts() -> dict[str, str]:
    slower = report(100, 101, 99, 100, 131, 130)
    subject, message = sns_message(slower)
    quiet_subject, quiet = sns_message(report(100, 101, 99, 100, 103, 104))
    tuned = replace(slower, retuning=TUNED)
    failed = replace(slower, function="billing", retuning=RetuningOutcome(Retuning.FAILED, "The function has no role."))
    unread = "Not read: the log of audit may cost more than $0.10."
    digest_subject, digested = digest(
        [tuned, failed, report(100, 101, 99, 100, 103, 104)], [unread], page="s3://bucket/fleets/1/summary.html"
    )
    title, body = pull_request("orders", found_sentence(slower), DIFF, "# orders\n\n1,024 MB\n")
    return {
        "sns.txt": f"{subject}\n\n{message}",
        "sns-left-alone.txt": f"{quiet_subject}\n\n{quiet}",
        "sns-digest.txt": f"{digest_subject}\n\n{digested}",
        "event-tuned.json": json.dumps(event(tuned), indent=1) + "\n",
        "event.json": json.dumps(event(slower), indent=1) + "\n",
        "metrics.json": json.dumps(metrics(slower, NOW_S), indent=1) + "\n",
        "pull-request.md": f"{title}\n\n{body}",
    }


@pytest.mark.parametrize("name", texts())
def test_what_is_told_is_as_agreed(name: str) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        (GOLDEN / name).write_text(texts()[name], "utf-8")
    assert texts()[name] == (GOLDEN / name).read_text("utf-8")


def test_a_function_with_too_few_weeks_says_so() -> None:
    assert sns_message(report(100))[1].startswith("orders: too few weeks to tell: the log shows 1 of ")
    assert "ExcessCost" not in metrics(report(100), NOW_S)


HOSTILE = "a\x1b[2J`|@all -->\n<script>\u202e"


def test_names_and_causes_from_outside_stay_text_in_a_message() -> None:
    slower = replace(report(100, 101, 99, 100, 131, 130), function=HOSTILE)
    failed = replace(slower, retuning=RetuningOutcome(Retuning.FAILED, HOSTILE, report=HOSTILE))
    for subject, text in (sns_message(slower), digest([failed], [HOSTILE], page=HOSTILE)):
        assert subject.isascii()
        assert subject.isprintable()
        assert text.replace("\n", "").isprintable()
        assert "\n<script>" not in text


def test_names_and_files_from_outside_end_no_block_of_a_pull_request() -> None:
    title, text = pull_request(HOSTILE, "why", f"+{HOSTILE}\n+```\n+@all", "report")
    assert title.isprintable()
    marker, _, _, fence, *_, end, _, _ = text.splitlines()
    assert (marker.count("-->"), marker.startswith("<!--")) == (1, True)
    assert (fence, end) == ("````diff", "````")
    assert closing_comment("`@all`").startswith("This no longer holds: ``")
