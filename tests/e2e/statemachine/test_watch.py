"""The watching state machine of the deployed stack, with the permissions that it has."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from tests.e2e.statemachine.stack import WATCHED, Stack

DAY, RUNS = timedelta(days=1), 21


def write_log(stack: Stack, name: str) -> None:
    """Four weeks of three days each: in the last two the function takes half as long again."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    events = []
    for day in (day for day in range(-28, 0) if day % 7 < 3):
        for number in range(RUNS):
            at, ms = midnight + day * DAY + timedelta(minutes=number + 1), 100 if day < -14 else 150
            line = (
                f"REPORT RequestId: {day}-{number}\tDuration: {ms}.00 ms\tBilled Duration: {ms} ms\t"
                "Memory Size: 512 MB\tMax Memory Used: 90 MB\t"
            )
            events.append([int(at.timestamp() * 1000), "2026/11/01/[$LATEST]0000", line])
    stack.cloud.control("history", {"group": f"/aws/lambda/{name}", "events": events})


def test_a_slower_function_of_the_list_is_tuned_again_and_told(stack: Stack) -> None:
    arn = stack.cloud.simulate_function("app-watched", memory_mb=512)
    listed = json.dumps([{"lambdaARN": arn, "powerValues": [256, 512], "num": 1}]).encode()
    stack.cloud.client("s3").put_object(Bucket=WATCHED.bucket, Key=WATCHED.key, Body=listed)
    write_log(stack, "app-watched")
    output = stack.run({}, machine="WatchStateMachineARN")
    assert (output["functions"], output["slower"], output["unread"]) == (1, ["app-watched"], [])
    assert 4.0 < output["leftUsd"] < 5.0
    (report,) = json.loads(stack.read(output["findings"]))["reports"]
    assert report["retuning"]["status"] == "tuned"
    assert b"app-watched" in stack.read(report["retuning"]["report"])
    again = stack.run({}, machine="WatchStateMachineARN")
    assert again["slower"] == []
