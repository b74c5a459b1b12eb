"""What follows from the evidence of a function, each finding with its figures and the command that acts on it.

A finding says only what its runs show. What they cannot show is a finding too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from tuner.evidence.function_evidence import FunctionEvidence
from tuner.evidence.logs.test_calls import NONE, TestCalls
from tuner.evidence.prediction import WORTH_CHANGING, Prediction
from tuner.evidence.shares import FEWEST_FOR_INTERVAL, Percentile, fewest_for_percentile
from tuner.model import MAX_MEMORY_MB, Architecture, Configuration, Interval, Outcome
from tuner.plain_numbers import chance_words, days_words, plural, significant
from tuner.pricing.price_list import PriceList

NOTABLE_SHARE = 0.01
"""Cold starts, errors and their money are findings from this share on."""
ARM_RATIOS = (0.47, 1.18)
"""Published arm64/x86_64 duration ratios, 5 to 95%."""
SLOWEST = 0.99
"""A timeout is advised where the runs bound this percentile from above."""
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class FindingCode(StrEnum):
    """Kinds of findings."""

    SIZE = "size"
    MEMORY_FLOOR = "memory_floor"
    OUT_OF_MEMORY = "out_of_memory"
    TIMEOUT = "timeout"
    COLD_STARTS = "cold_starts"
    ERRORS = "errors"
    TRAFFIC = "traffic"
    OTHER_SIZES = "other_sizes"
    ARM64 = "arm64"
    CANNOT_TELL = "cannot_tell"
    DEAD = "dead"
    THROTTLES = "throttles"
    PROVISIONED = "provisioned"
    COMPUTE_OPTIMIZER = "compute_optimizer"
    NOT_READ = "not_read"
    MIXED_LOG = "mixed_log"
    TEST_CALLS = "test_calls"
    FARGATE = "fargate"
    MANAGED_INSTANCES = "managed_instances"


@dataclass(frozen=True, slots=True)
class Insight:
    """One thing that the evidence shows: a title, the figures behind it, and the command that acts on it."""

    code: FindingCode
    title: str
    evidence: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class ForeignRuns:
    """What a log holds beside the runs of a function.

    Attributes:
        turns: how often memory sizes take turns, as those of one function do not.
        left_out: runs of others, which do not count.
        test_calls: runs that look like those of a tuning.
    """

    turns: int = 0
    left_out: int = 0
    test_calls: TestCalls = NONE


@dataclass(frozen=True, slots=True)
class Subject:
    """What findings are about.

    Attributes:
        name: of the function, for the commands.
        evidence: of its current size.
        prediction: of its other sizes; None: nothing can be said.
        prices: for the part of arm64 that is certain.
        foreign: what else is in its log.
    """

    name: str
    evidence: FunctionEvidence
    prediction: Prediction | None
    prices: PriceList
    foreign: ForeignRuns = ForeignRuns()

    @property
    def tune(self) -> str:
        """The command that measures what the log cannot tell."""
        return f"tuner tune {self.name}"


def findings_of(subject: Subject) -> tuple[Insight, ...]:
    """Every finding, the most useful first. A command stands at the first of the findings that lead to it."""
    found = [finding for rule in RULES if (finding := rule(subject)) is not None]
    commands = [finding.command for finding in found]
    return tuple(
        replace(finding, command="") if finding.command in commands[:place] else finding
        for place, finding in enumerate(found)
    )


def mixed_log(subject: Subject) -> Insight | None:
    """Other functions in the same log, whether or not their names are known."""
    foreign, own = subject.foreign, subject.evidence
    left_out = f"{plural(foreign.left_out, 'other run')} left out"
    if foreign.turns:
        told = (
            f"Memory sizes change {foreign.turns:,} times from run to run, as those of one function do not. Only the "
            f"{plural(own.runs, 'run')} at {_size(own.current)} count, with {left_out}. Even they may be of several "
            "functions. Export the log with its log streams or log group, or of one function."
        )
        command = f"aws logs tail /aws/lambda/{subject.name} --since 7d"
        return Insight(FindingCode.MIXED_LOG, "The log seems to hold several functions", told, command)
    if not foreign.left_out:
        return None
    told = f"{plural(own.runs, 'run')} of {subject.name} count, with {left_out}."
    return Insight(FindingCode.MIXED_LOG, "The log holds other functions too", told)


def test_calls(subject: Subject) -> Insight | None:
    """Runs that look like test calls of a tuning with versions."""
    found = subject.foreign.test_calls
    if not found.runs:
        return None
    told = (
        f"{plural(found.runs, 'run')} of {len(found.versions)} versions at {found.sizes} memory sizes came within "
        "hours, as those of `tuner tune --isolation versions` and of other tuning tools do. The log does not tell them "
        "from requests."
    )
    if found.count:
        title = "The runs may be test calls of a tuning"
        return Insight(FindingCode.TEST_CALLS, title, f"{told} They count, since it holds no other run.")
    remedy = "They are left out. If they are requests, read more than six hours of the log."
    return Insight(FindingCode.TEST_CALLS, "Test calls of a tuning are left out", f"{told} {remedy}")


def size(subject: Subject) -> Insight | None:
    """Whether another size is likely enough to save."""
    prediction, evidence = subject.prediction, subject.evidence
    if prediction is None:
        return None
    chance, recommended = prediction.chance_of_saving, prediction.recommended
    shown = f"{plural(evidence.runs, 'run')} at {_size(evidence.current)}{_others(evidence)}"
    if recommended is None:
        told = f"{_size(prediction.best)} is the best guess. It saves more than {WORTH_CHANGING:.0%} with a chance of"
        return Insight(
            FindingCode.SIZE,
            "No size is recommended without a trial",
            f"{told} {chance_words(chance)}; from {shown}.",
            subject.tune,
        )
    title = f"{_size(recommended)} saves more than {WORTH_CHANGING:.0%} with a chance of {chance_words(chance)}"
    return Insight(FindingCode.SIZE, title, f"Saving {_percent(prediction.saving)}; from {shown}.", subject.tune)


def memory_floor(subject: Subject) -> Insight | None:
    """How small the memory may be."""
    evidence = subject.evidence
    used, floor = evidence.max_memory_used_mb, evidence.memory_floor_mb
    if used is None or floor is None:
        return None
    current = evidence.current.memory_mb
    share = used / current
    told = f"At most {used:,} MB of {current:,} MB were used in {plural(evidence.runs, 'run')} ({share:.0%})."
    if floor > current:
        command = f"tuner tune {subject.name} --min-memory {min(floor, MAX_MEMORY_MB)}"
        return Insight(
            FindingCode.MEMORY_FLOOR, f"Less than a tenth of the memory of {current:,} MB is free", told, command
        )
    title = f"{floor:,} MB would be enough memory, with a tenth of it free"
    return Insight(FindingCode.MEMORY_FLOOR, title, told)


def out_of_memory(subject: Subject) -> Insight | None:
    """Runs that ran out of memory."""
    evidence = subject.evidence
    count = evidence.outcomes.get(Outcome.OUT_OF_MEMORY, 0)
    if not count:
        return None
    larger = min(2 * evidence.current.memory_mb, MAX_MEMORY_MB)
    told = f"{count} of {plural(evidence.runs, 'run')} at {_size(evidence.current)}."
    command = f"tuner tune {subject.name} --min-memory {larger}"
    return Insight(FindingCode.OUT_OF_MEMORY, "Runs end out of memory", told, command)


def timeout(subject: Subject) -> Insight | None:
    """A timeout that leaves room for the slowest run; runs that were cut off are lower bounds."""
    evidence = subject.evidence
    advised = evidence.timeout_advice_s
    if advised is None:
        return None
    command = f"aws lambda update-function-configuration --function-name {subject.name} --timeout {advised}"
    cut_off = evidence.outcomes.get(Outcome.TIMEOUT, 0)
    if cut_off:
        told = (
            f"{cut_off} of {plural(evidence.runs, 'run')} were cut off, after {evidence.timeout_s:g} s at the latest."
        )
        return Insight(FindingCode.TIMEOUT, f"Runs time out: allow at least {advised} s", told, command)
    assert evidence.p99_ms is not None
    assert evidence.slowest_ms is not None
    told = (
        f"The slowest of {plural(evidence.good_runs, 'good run')} took {significant(evidence.slowest_ms)} ms; p99 "
        f"{percentile_words(evidence.p99_ms)}; none was cut off."
    )
    return Insight(FindingCode.TIMEOUT, f"A timeout of {advised} s leaves room for the slowest runs", told, command)


def cold_starts(subject: Subject) -> Insight | None:
    """How many runs were cold, and what their init costs."""
    evidence = subject.evidence
    if evidence.init_ms is None or evidence.cold_start_share.mean < NOTABLE_SHARE:
        return None
    share = evidence.cold_start_share
    title = f"{share.mean:.1%} of the runs are cold starts"
    told = (
        f"{share.low:.1%} to {share.high:.1%}, from {plural(evidence.runs, 'run')}; init takes "
        f"{mean_words(evidence.init_ms, evidence.cold_starts)} and is "
        f"{evidence.init_cost_share:.1%} of the cost."
    )
    return Insight(FindingCode.COLD_STARTS, title, told)


def errors(subject: Subject) -> Insight | None:
    """How many runs failed, and what they cost."""
    evidence = subject.evidence
    if evidence.error_share.mean < NOTABLE_SHARE:
        return None
    title = f"{evidence.error_share.mean:.1%} of the runs fail, for {evidence.failed_cost_share:.1%} of the cost"
    kinds = ", ".join(f"{count} {kind.value}" for kind, count in evidence.outcomes.items() if kind is not Outcome.OK)
    return Insight(
        FindingCode.ERRORS, title, f"{_percent(evidence.error_share)} of {plural(evidence.runs, 'run')}: {kinds}."
    )


def traffic(subject: Subject) -> Insight | None:
    """How often the function runs."""
    found = subject.evidence.traffic
    if found is None:
        return None
    day, hour = divmod(found.busiest_hour, 24)
    month = found.per_month
    told = (
        f"{month.low:,.0f} to {month.high:,.0f}, from {days_words(found.days)}; "
        f"busiest {WEEKDAYS[day]} {hour:02d}:00 UTC with {found.busiest_per_hour:,.0f} "
        f"an hour; at most {found.peak_concurrency} at once."
    )
    command = f"{subject.tune} --invocations-per-month {month.mean:.0f}"
    return Insight(FindingCode.TRAFFIC, f"About {month.mean:,.0f} invocations a month", told, command)


def other_sizes(subject: Subject) -> Insight | None:
    """Past memory sizes, which narrow what is believed of all the others."""
    others = subject.evidence.other_sizes
    if not others:
        return None
    told = ", ".join(f"{plural(runs, 'run')} at {size_mb:,} MB" for size_mb, runs in others.items())
    return Insight(FindingCode.OTHER_SIZES, "The log knows other memory sizes", f"{told}. They enter the prediction.")


def arm64(subject: Subject) -> Insight | None:
    """What arm64 changes for certain, and what it may change."""
    current = subject.evidence.current
    if current.architecture is not Architecture.X86_64:
        return None
    x86, arm = (subject.prices.gb_second_usd(a) for a in (Architecture.X86_64, Architecture.ARM64))
    low, high = ARM_RATIOS
    told = (
        f"The duration price is {1 - arm / x86:.0%} lower. The duration itself was {low:g} to {high:g} times that of "
        "x86_64 in published functions, which only a trial can tell."
    )
    return Insight(FindingCode.ARM64, "arm64 costs less for the same duration", told, f"{subject.tune} --arch both")


def cannot_tell(subject: Subject) -> Insight | None:
    """What the log does not show."""
    missing = []
    evidence = subject.evidence
    if evidence.traffic is None:
        missing.append("how often it runs in a month (the log is short, or has no times)")
    if evidence.environments is None:
        missing.append(
            "which runs shared an environment (they name no log stream, and each counts as one of its own: what is "
            "said of other sizes may seem more certain than it is)"
        )
    if not evidence.other_sizes:
        missing.append("how its duration changes with memory (one size was seen)")
    if evidence.max_memory_used_mb is None:
        missing.append("how much memory it uses")
    if evidence.timeout_advice_s is None:
        fewest = fewest_for_percentile(SLOWEST)
        missing.append(
            f"its slowest runs, and so a timeout ({plural(evidence.good_runs, 'good run')}; {fewest} bound the p99)"
        )
    if not missing:
        return None
    told = "; ".join(missing)
    return Insight(FindingCode.CANNOT_TELL, "What this log cannot tell", f"{told[0].upper()}{told[1:]}.", subject.tune)


RULES: tuple[Callable[[Subject], Insight | None], ...] = (
    mixed_log,
    test_calls,
    size,
    out_of_memory,
    timeout,
    errors,
    memory_floor,
    cold_starts,
    traffic,
    other_sizes,
    arm64,
    cannot_tell,
)
"""Every kind of finding, in the order in which they are told."""


def mean_words(interval: Interval, runs: int) -> str:
    """A mean duration with its interval, in words where the runs are too few for one."""
    if runs < FEWEST_FOR_INTERVAL:
        return f"{significant(interval.mean)} ms (too few runs for an interval)"
    return f"{significant(interval.mean)} ms ({significant(interval.low)} to {significant(interval.high)})"


def percentile_words(found: Percentile) -> str:
    """A percentile with its interval, or what the runs say of it at least."""
    if found.mean is None or found.high is None:
        return f"at least {significant(found.low)} ms (too few runs for an upper bound)"
    return f"{significant(found.mean)} ms ({significant(found.low)} to {significant(found.high)})"


def _size(configuration: Configuration) -> str:
    return f"{configuration.memory_mb:,} MB"


def _others(evidence: FunctionEvidence) -> str:
    return f" and {sum(evidence.other_sizes.values())} at other sizes" if evidence.other_sizes else ""


def _percent(interval: Interval) -> str:
    return f"{interval.mean:.1%} ({interval.low:.1%} to {interval.high:.1%})"
