"""A duet of two versions of a function, and a baseline in S3, against the stand-in."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.aws_e2e.harness import open_quickly, settings, stand_in, tune
from tests.cloud.fixtures import Cloud, zipped
from tests.unit.comparison.documents import result
from tuner.api.comparing.duet import duet
from tuner.cli.main import run
from tuner.comparison.duets.plan import DuetPlan, EnvironmentPair
from tuner.documents.result import dumps
from tuner.errors import InterruptedRunError, LeftBehindError
from tuner.model import Architecture, Configuration, Trial

CODE = "import time\n\n\ndef handler(event, context):\n    time.sleep({seconds})\n"


@pytest.fixture
def versions(cloud: Cloud) -> tuple[str, str]:
    """A function whose second version takes twice as long; $LATEST is already something else."""
    cloud.create_function("orders", {"app.py": CODE.format(seconds=0.03)}, "app.handler", memory_mb=512)
    client = cloud.client("lambda")
    numbers = [cloud.publish("orders")]
    for seconds in (0.06, 0.0):
        client.update_function_code(FunctionName="orders", ZipFile=zipped({"app.py": CODE.format(seconds=seconds)}))
        cloud.wait("orders")
        numbers.append(cloud.publish("orders"))
    return numbers[0], numbers[1]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records of runs go to a folder of the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_two_versions_are_told_apart_whatever_is_deployed_meanwhile_and_the_function_is_left_alone(
    cloud: Cloud, versions: tuple[str, str], tmp_path: Path
) -> None:
    before: dict[str, Any] = {}

    def deploy(_: object) -> None:
        code = zipped({"app.py": CODE.format(seconds=9.0)})
        cloud.client("lambda").update_function_code(FunctionName="orders", ZipFile=code)
        cloud.wait("orders")
        before.update(cloud.snapshot("orders"))

    cloud.faults.hook(deploy, "Invoke")
    answer = tmp_path / "duet.json"
    flags = ["--endpoint-url", cloud.endpoint, "--region", "us-east-1", "--metric", "duration", "--quiet"]
    files = ["--samples", str(tmp_path / "samples.jsonl"), "--output", str(answer)]
    code = run(["duet", "orders", "--baseline", versions[0], "--candidate", versions[1], *flags, *files])
    assert code == 3
    document = json.loads(answer.read_text())
    assert document["findings"][0]["effect"]["mean"] == pytest.approx(1.0, abs=0.5)
    assert document["stopped_by"] == "decided"
    assert cloud.snapshot("orders") == before
    assert cloud.function_names() == ["orders"]
    sides = [json.loads(line)["side"] for line in (tmp_path / "samples.jsonl").read_text().splitlines()]
    assert sides.count("baseline") == sides.count("candidate") >= 8


def end_without_undoing(cloud: Cloud, state: Path) -> None:
    """A duet that leaves a copy of each side, and its journals."""
    asked, place = settings(isolation="copy"), stand_in(cloud.endpoint)
    sides = [open_quickly(asked, place, state, candidate=candidate) for candidate in (False, True)]
    with ExitStack() as entered:
        for side in sides:
            entered.enter_context(side)
        for side in sides:
            list(side.measure([Trial(0, Configuration(256, Architecture.X86_64), 1, 1)], threading.Event()))
        cloud.faults.add("deny", "DeleteFunction", times=None)


def test_what_both_sides_left_is_undone_by_the_next_run_of_any_kind(cloud: Cloud, tmp_path: Path) -> None:
    cloud.simulate_function("orders", memory_mb=512)
    with pytest.raises(LeftBehindError):
        end_without_undoing(cloud, tmp_path)
    assert len(cloud.function_names()) == 3
    cloud.faults.clear()
    tuned = tune(cloud, tmp_path, settings())
    assert [notice.code for notice in tuned.notices] == ["recovered"] * 2
    assert cloud.function_names() == ["orders"]
    assert list(tmp_path.iterdir()) == []


def test_a_clean_up_that_fails_does_not_take_the_answer_away(
    cloud: Cloud, versions: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.faults.add("deny", "DeleteFunction", times=None)
    flags = ["--endpoint-url", cloud.endpoint, "--region", "us-east-1", "--metric", "duration", "--quiet"]
    files = ["--samples", str(tmp_path / "samples.jsonl")]
    assert run(["duet", "orders", "--baseline", versions[0], "--candidate", versions[1], *flags, *files]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("Worse: duration")
    assert "tuner clean orders" in err


def test_an_interrupted_duet_removes_the_copies_of_both_sides_and_tells_what_it_kept(
    cloud: Cloud, versions: tuple[str, str], tmp_path: Path
) -> None:
    stop, samples = threading.Event(), tmp_path / "samples.jsonl"
    cloud.client("lambda").create_alias(FunctionName="orders", Name="live", FunctionVersion=versions[0])
    before = cloud.snapshot("orders")

    class Impatient:
        def measured(self, plan: DuetPlan, pair: EnvironmentPair) -> None:
            stop.set()

    with pytest.raises(InterruptedRunError) as raised:
        duet(
            "orders", baseline="live", candidate=versions[1], samples=samples,
            connection=stand_in(cloud.endpoint), stop=stop, observers=[Impatient()],
        )  # fmt: skip
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    found = raised.value.result
    assert found is not None
    assert found.document["stopped_by"] == "interrupted"
    assert found.document["baseline"].startswith(f"{versions[0]} (live) of orders")
    assert found.document["invocations"] == sum(len(line["invocations"]) for line in lines) > 0
    assert {line["side"] for line in lines} == {"baseline", "candidate"}
    assert cloud.snapshot("orders") == before
    assert cloud.function_names() == ["orders"]


@pytest.mark.parametrize(
    ("candidate", "more", "code", "reason"),
    [
        ("77", (), 1, "77"),
        ("2", ("--concurrency", "1"), 2, "give 2 or more"),
        ("", (), 2, "--candidate: '' is neither a version nor an alias"),
        ("<b>|x", (), 2, "--candidate: '<b>|x' is neither a version nor an alias"),
    ],
)
def test_what_cannot_be_measured_is_an_error_and_no_pass(
    cloud: Cloud,
    versions: tuple[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    candidate: str,
    more: tuple[str, ...],
    code: int,
    reason: str,
) -> None:
    flags = ["--endpoint-url", cloud.endpoint, "--region", "us-east-1", "--samples", str(tmp_path / "s.jsonl"), *more]
    assert run(["duet", "orders", "--baseline", versions[0], "--candidate", candidate, *flags]) == code
    assert reason in capsys.readouterr().err
    assert cloud.function_names() == ["orders"]


def test_a_baseline_in_s3_is_made_compared_and_kept_when_the_candidate_is_worse(cloud: Cloud, tmp_path: Path) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="builds")
    for name, slowdown in {"first": 0.0, "slower": 0.5}.items():
        (tmp_path / f"{name}.json").write_text(dumps(result(slowdown, sizes=(512,), seed=len(name))))
    flags = ["--update-baseline", "--endpoint-url", cloud.endpoint, "--region", "us-east-1"]

    def compare(name: str) -> int:
        return run(["compare", "s3://builds/orders/baseline.json", str(tmp_path / f"{name}.json"), *flags])

    assert compare("first") == 0
    assert compare("slower") == 3
    kept = s3.get_object(Bucket="builds", Key="orders/baseline.json")["Body"].read().decode()
    assert kept == (tmp_path / "first.json").read_text()


def test_a_prefix_in_s3_is_a_trend_and_without_its_slash_it_is_named(
    cloud: Cloud, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="builds")
    for month, level in enumerate((0.0, 0.01, -0.01, 0.5), 1):
        text = dumps(result(level, seed=month, created_at=f"2026-0{month}-02T10:00:00Z"))
        s3.put_object(Bucket="builds", Key=f"orders/{month}.json", Body=text.encode())
    quick = str(tmp_path / "quick.json")
    Path(quick).write_text(dumps(result(0.0, seed=9, created_at="2026-04-03T10:00:00Z")))
    flags = ["--endpoint-url", cloud.endpoint, "--region", "us-east-1"]
    assert run(["compare", "s3://builds/orders/", *flags]) == 3
    assert "the last 3 results" in capsys.readouterr().out
    assert run(["compare", "s3://builds/orders", quick, *flags]) == 2
    assert "a prefix with a slash at its end: s3://builds/orders/" in capsys.readouterr().err
    assert run(["compare", "s3://builds/orders/", quick, "--update-baseline", *flags]) == 2
    assert run(["compare", "s3://nowhere/orders/", quick, *flags]) == 1


def test_a_prefix_that_holds_a_result_json_is_that_run_and_a_new_one_becomes_one(
    cloud: Cloud, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="builds")
    made = tmp_path / "made.json"
    made.write_text(dumps(result(sizes=(512,))))
    flags = ["--endpoint-url", cloud.endpoint, "--region", "us-east-1"]
    compare = ["compare", "s3://builds/new/", str(made), *flags]
    assert run([*compare, "--update-baseline"]) == 0
    assert "First baseline" in capsys.readouterr().out
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="builds")["Contents"]] == ["new/result.json"]
    assert run(compare) == 0
    assert "it is compared with itself" in capsys.readouterr().out


def test_under_a_prefix_hidden_objects_and_the_summary_of_a_fleet_are_no_results(cloud: Cloud, tmp_path: Path) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="builds")
    for key in ("._1.json", "summary.json", "runs/.cache/result.json", "notes.txt"):
        s3.put_object(Bucket="builds", Key=f"orders/{key}", Body=b"{}")
    before = b"\xef\xbb\xbf" + dumps(result(sizes=(512,))).encode()
    s3.put_object(Bucket="builds", Key="orders/runs/1/result.json", Body=before)
    quick = tmp_path / "quick.json"
    quick.write_text(dumps(result(seed=9, sizes=(512,), created_at="2026-09-03T10:00:00Z")))
    flags = ["--endpoint-url", cloud.endpoint, "--region", "us-east-1"]
    assert run(["compare", "s3://builds/orders/", str(quick), *flags]) == 0
