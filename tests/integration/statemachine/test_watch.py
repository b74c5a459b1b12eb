"""Watching in the stack, on the stand-in with virtual time: who is noticed, who is tuned once, and what it may cost."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from statemachine.handlers import fleet, watcher
from statemachine.watch.messages import decode_findings, decode_looked
from statemachine.watch.request import WatchRequest, read_watch
from tests.cloud.fixtures import Cloud
from tests.integration.statemachine.driver import BUCKET, Driver
from tests.integration.statemachine.test_permissions import actions_of
from tuner.errors import InputError
from tuner.watch.ceiling import Ledger
from tuner.watch.messages import Retuning
from tuner.watch.weeks import FEWEST_DAYS

DAY, RUNS = timedelta(days=1), 21
NOW = datetime.now(UTC).replace(hour=3, minute=0, second=0, microsecond=0)
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:tunerWatch:"


@dataclass
class Watching:
    """The watching state machine of plain calls, with functions whose logs are written by the day.

    Attributes:
        now: the time of its next execution.
    """

    cloud: Cloud
    driver: Driver
    ceiling_usd: float = 5.0
    now: datetime = NOW
    executions: int = 0
    log: list[str] = field(default_factory=list)
    what: str = f"s3://{BUCKET}/lists/functions.json"
    inputs: str = ""

    def __post_init__(self) -> None:
        self.topic = self.cloud.client("sns").create_topic(Name="watch")["TopicArn"]
        self.driver.services.log = self.log.append

    @property
    def request(self) -> WatchRequest:
        return read_watch(self.environment)

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "TUNER_WATCH": self.what,
            "TUNER_WATCH_INPUTS": self.inputs,
            "TUNER_WATCH_CEILING_USD": str(self.ceiling_usd),
            "TUNER_WATCH_TUNING_USD": "0.5",
            "TUNER_WATCH_TOPIC": self.topic,
            "TUNER_STACK": "tuner",
        }

    def add(self, *names: str) -> None:
        """Make functions, and put them on the list."""
        arns = [self.cloud.simulate_function(name, memory_mb=512) for name in names]
        listed = [{"lambdaARN": arn, "powerValues": [256, 512], "num": 1} for arn in arns]
        self.cloud.client("s3").put_object(Bucket=BUCKET, Key="lists/functions.json", Body=json.dumps(listed).encode())

    def write(self, name: str, first: int, last: int, ms: float, *, hosts: random.Random | None = None) -> None:
        """Write the log of days, counted from the first execution; hosts move each week by up to 10%."""
        events = []
        for day in (day for day in range(first, last) if day % 7 < FEWEST_DAYS):
            if hosts and day % 7 == 0:
                factor = hosts.uniform(0.9, 1.1)
            for number in range(RUNS):
                at = NOW.replace(hour=0) + DAY * day + timedelta(minutes=number + 1)
                shown = ms * (factor if hosts else 1.0) + number % 3
                init = "\tInit Duration: 200.00 ms" if number == 0 else ""
                line = (
                    f"REPORT RequestId: {day}-{number}\tDuration: {shown:.2f} ms\tBilled Duration: {shown:.0f} ms\t"
                    f"Memory Size: 512 MB\tMax Memory Used: 90 MB{init}\t"
                )
                events.append([int(at.timestamp() * 1000), f"{at:%Y/%m/%d}/[$LATEST]{day % 100:04x}", line])
        self.cloud.control("history", {"group": f"/aws/lambda/{name}", "events": events})

    def look(self) -> dict[str, Any]:
        """The first half of an execution."""
        self.executions += 1
        started = f"{self.now + timedelta(seconds=self.executions):%Y-%m-%dT%H:%M:%S}.000Z"
        return watcher.look(f"{EXECUTION}{self.executions}", started, self.driver.services, self.request)

    def run(self) -> dict[str, Any]:
        """An execution, with the fleet that it starts."""
        state = self.look()
        if "list" in state:
            state["fleet"] = self.tune(state["list"])
        return watcher.tell(decode_looked(state), self.driver.services, self.request)

    def tune(self, address: str) -> dict[str, str]:
        """The fleet's executions; addresses of its summary and its page."""
        services = self.driver.services
        begun = fleet.begin(
            {"list": address}, f"fleet-{self.executions}", f"{self.now:%Y-%m-%dT%H:%M:%S}.000Z", services
        )
        for index, item in enumerate(json.loads(services.objects.read(begun["items"]) or b"[]")):
            assert item["budget"]["maxUsd"] == pytest.approx(0.4)
            self.driver.began = self.now
            output = self.driver.run(item)["output"]
            services.objects.write(f"{begun['outcomes']}/{index}.json", json.dumps({"output": output}).encode())
        output = fleet.end(begun["folder"], services)
        return {"summary": output["summary"], "page": output["report"]}

    def told(self, service: str, operation: str) -> list[dict[str, Any]]:
        """The parameters of all calls of an operation."""
        return [c["parameters"] for c in self.cloud.calls(service=service) if c["operation"] == operation]


@pytest.fixture
def watching(cloud: Cloud, driver: Driver) -> Watching:
    return Watching(cloud, driver)


def test_a_slow_release_is_noticed_in_two_weeks_and_tuned_once_and_hosts_are_left_alone(watching: Watching) -> None:
    watching.add("app-a", "app-b")
    watching.write("app-a", -28, 0, 100.0)
    watching.write("app-a", 0, 21, 130.0)
    watching.write("app-b", -28, 21, 100.0, hosts=random.Random(1))
    slower = []
    for week in (1, 2, 3):
        watching.now = NOW + week * 7 * DAY
        slower.append(watching.run()["slower"])
    assert slower == [[], ["app-a"], []]
    (message,) = watching.told("sns", "Publish")
    assert message["Subject"] == "app-a is slower"
    assert "Tuned again for $" in message["Message"]
    assert "summary.html" in message["Message"]
    (sent,) = watching.told("events", "PutEvents")
    detail = json.loads(sent["Entries"][0]["Detail"])
    assert (detail["function"], detail["tuning"]["status"]) == ("app-a", "tuned")
    assert len([line for line in watching.log if '"ExcessCostLow"' in line]) == 5


def slower_functions(watching: Watching, count: int) -> None:
    names = [f"app-{number}" for number in range(count)]
    watching.add(*names)
    for name in names:
        watching.write(name, -28, -14, 100.0)
        watching.write(name, -14, 0, 150.0)


def test_executions_at_once_reserve_no_more_than_the_months_ceiling(watching: Watching) -> None:
    slower_functions(watching, 2)
    watching.ceiling_usd = 0.85
    with ThreadPoolExecutor(3) as pool:
        states = list(pool.map(lambda _: watching.look(), range(3)))
    services = watching.driver.services
    looked = [decode_looked(state) for state in states]
    found = [decode_findings(services.objects.read(one.findings_key) or b"") for one in looked]
    ended = [report.retuning.status for one in found for report in one.reports if report.retuning]
    begun = [
        item for one in looked if one.list_address for item in json.loads(services.objects.read(one.list_key) or b"")
    ]
    assert len(begun) == 1
    assert ended == [Retuning.CEILING] * (2 * sum(len(one.reports) == 2 for one in found) - 1)
    assert Ledger(services.objects, looked[0].month, watching.ceiling_usd).left_usd() >= 0


def test_a_repeated_look_reads_no_log_again_and_reserves_nothing_more(watching: Watching) -> None:
    slower_functions(watching, 1)
    state = watching.look()
    before = Ledger(watching.driver.services.objects, state["month"], 5.0).left_usd()
    watching.executions -= 1
    assert watching.look() == state
    assert Ledger(watching.driver.services.objects, state["month"], 5.0).left_usd() == before
    assert len(watching.told("logs", "StartQuery")) == 1


@pytest.mark.parametrize(
    ("inputs", "told"),
    [("", "no list gives it an input"), (f"s3://{BUCKET}/lists/functions.json", "Tuned again for $")],
)
def test_what_a_tag_names_is_tuned_when_a_list_gives_its_input(watching: Watching, inputs: str, told: str) -> None:
    slower_functions(watching, 1)
    arn = watching.cloud.client("lambda").get_function_configuration(FunctionName="app-0")["FunctionArn"]
    watching.cloud.client("lambda").tag_resource(Resource=arn, Tags={"team": "shop"})
    watching.what, watching.inputs = "tag:team=shop", inputs
    assert watching.run()["slower"] == ["app-0"]
    assert told in watching.told("sns", "Publish")[0]["Message"]


@pytest.mark.parametrize("what", ["functions", "tag:team", "stack:", "s3:"])
def test_parameters_that_name_no_functions_are_refused(watching: Watching, what: str) -> None:
    watching.what = what
    with pytest.raises(InputError):
        watching.run()


@contextmanager
def counted(cloud: Cloud, found: set[str]) -> Iterator[None]:
    cloud.forget_calls()
    yield
    found |= {call["action"] for call in cloud.calls(caller="user")} | {"s3:ListBucket"}


def test_the_watcher_is_granted_what_it_calls_and_nothing_else(watching: Watching) -> None:
    slower_functions(watching, 1)
    called: set[str] = set()
    with counted(watching.cloud, called):
        state = watching.look()
    state["fleet"] = watching.tune(state["list"])
    with counted(watching.cloud, called):
        watcher.tell(decode_looked(state), watching.driver.services, watching.request)
    for what in ("tag:team=shop", "stack:shop"):
        watching.what = what
        with (
            counted(watching.cloud, called),
            pytest.raises(Exception) if what[0] == "s" else counted(watching.cloud, called),
        ):
            watching.look()
    rights = {action for action in actions_of("Watcher") if not action.startswith("kms:")}
    assert called - rights == set()
    assert rights - called == {"logs:StopQuery"}
