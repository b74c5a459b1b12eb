"""Advice on a function from its logs: evidence, prediction and findings together.

Invokes nothing and changes nothing. Reads rows; where they were read is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from tuner.evidence.account_findings import account_findings
from tuner.evidence.containers import COMPARISONS
from tuner.evidence.findings import ForeignRuns, Insight, Subject, findings_of
from tuner.evidence.function_evidence import FunctionEvidence, gather
from tuner.evidence.known_function import KnownFunction
from tuner.evidence.logs.log_functions import turns_of_sizes
from tuner.evidence.logs.log_rows import LogRow
from tuner.evidence.logs.log_samples import samples_of
from tuner.evidence.logs.test_calls import without_test_calls
from tuner.evidence.prediction import Prediction, predict
from tuner.evidence.shares import FEWEST_FOR_INTERVAL
from tuner.model import (
    MAX_MEMORY_MB,
    MIN_MEMORY_MB,
    Architecture,
    Configuration,
    Interval,
    Objective,
    Sample,
    SearchSpace,
)
from tuner.pricing.containers import ContainerInputs
from tuner.pricing.price_list import PriceList
from tuner.search.space import memory_nodes


@dataclass(frozen=True, slots=True, eq=False)
class Advice:
    """What is known of one function without invoking it.

    Attributes:
        function: its name, or that of the log.
        current: its configuration.
        evidence: figures of the current size; None: no run of it is known.
        prediction: of all sizes; None: no run was usable.
        findings: the most useful first.
        facts: what AWS says of it; None: the advice is from a file.
    """

    function: str
    current: Configuration
    evidence: FunctionEvidence | None
    prediction: Prediction | None
    findings: tuple[Insight, ...]
    facts: KnownFunction | None = None

    @property
    def month_usd(self) -> float | None:
        """What the function costs in a month; None: its traffic or its cost is not known."""
        if self.evidence is None or self.evidence.traffic is None:
            return None
        return self.evidence.cost_per_million_usd.mean * self.evidence.traffic.per_month.mean / 1e6

    @property
    def at_stake_usd(self) -> float | None:
        """What the best guess would save in a month, as far as anything can be said; None: nothing can."""
        if self.month_usd is None or self.prediction is None:
            return None
        return self.month_usd * max(0.0, self.prediction.saving.mean)

    def compared(self, names: Iterable[str], prices: PriceList, inputs: ContainerInputs) -> Advice:
        """The same advice with the volume from which each of `COMPARISONS` that is named would cost less."""
        if self.evidence is None:
            return self
        found = [COMPARISONS[name](self.evidence, prices, inputs) for name in names]
        return replace(self, findings=(*self.findings, *filter(None, found)))

    def document(self) -> dict[str, Any]:
        """The advice as JSON values."""
        prediction = self.prediction
        recommended = prediction.recommended if prediction else None
        return {
            "function": self.function,
            "memory_mb": self.current.memory_mb,
            "architecture": self.current.architecture.value,
            **_evidence_document(self.evidence),
            "month_usd": self.month_usd,
            "at_stake_usd": self.at_stake_usd,
            "recommendation": recommended
            and {
                "memory_mb": recommended.memory_mb,
                "architecture": recommended.architecture.value,
            },
            "chance_of_saving": prediction.chance_of_saving if prediction else None,
            "saving": asdict(prediction.saving) if prediction else None,
            "findings": [asdict(finding) for finding in self.findings],
        }


def _evidence_document(evidence: FunctionEvidence | None) -> dict[str, Any]:
    if evidence is None:
        return {"runs": 0, "good_runs": 0}
    return {
        "runs": evidence.runs,
        "good_runs": evidence.good_runs,
        "environments": evidence.environments,
        "memory_floor_mb": evidence.memory_floor_mb,
        "max_memory_used_mb": evidence.max_memory_used_mb,
        "cold_start_share": asdict(evidence.cold_start_share),
        "init_duration_ms": _mean_document(evidence.init_ms, evidence.cold_starts),
        "duration_ms": _mean_document(evidence.duration_ms, evidence.good_runs),
        "p95_ms": asdict(evidence.p95_ms) if evidence.p95_ms else None,
        "p99_ms": asdict(evidence.p99_ms) if evidence.p99_ms else None,
        "timeout_advice_s": evidence.timeout_advice_s,
        "error_share": asdict(evidence.error_share),
        "cost_usd_per_million": _mean_document(evidence.cost_per_million_usd, evidence.runs),
        "traffic": asdict(evidence.traffic) if evidence.traffic else None,
    }


def _mean_document(interval: Interval | None, runs: int) -> dict[str, float | None] | None:
    """A mean with its bounds, which are null where the runs are too few for them."""
    if interval is None:
        return None
    enough = runs >= FEWEST_FOR_INTERVAL
    return {
        "mean": interval.mean,
        "low": interval.low if enough else None,
        "high": interval.high if enough else None,
    }


def advise_on_rows(
    function: str,
    rows: Sequence[LogRow],
    prices: PriceList,
    *,
    architecture: Architecture = Architecture.X86_64,
    objective: Objective | None = None,
    seed: int = 0,
    others: int = 0,
) -> Advice | None:
    """Advice from the rows of one function, in the order of their time; None where no row names a memory size.

    Where several functions seem to be mixed, those of the newest size alone count, and a finding says so.

    Args:
        function: its name, for the commands.
        rows: of its log.
        prices: of an invocation.
        architecture: of the function; reports do not name it.
        objective: what to minimise; default the cost.
        seed: of every draw.
        others: runs of other functions in the same log, which are not among the rows.
    """
    rows, test_calls = without_test_calls(rows)
    evidence = gather(rows, architecture, prices)
    if evidence is None:
        return None
    foreign = ForeignRuns(turns_of_sizes(rows), others, test_calls)
    if foreign.turns:
        own = [row for row in rows if row.report.memory_size_mb == evidence.current.memory_mb]
        foreign = ForeignRuns(foreign.turns, others + len(rows) - len(own), test_calls)
        rows, evidence = own, gather(own, architecture, prices) or evidence
    prediction = _predict(samples_of(rows, architecture), evidence.current, prices, objective or Objective(), seed)
    findings = findings_of(Subject(function, evidence, prediction, prices, foreign))
    return Advice(function, evidence.current, evidence, prediction, findings)


def advise_on_known(
    facts: KnownFunction, prices: PriceList, *, objective: Objective | None = None, seed: int = 0
) -> Advice:
    """Advice from what AWS knows of a function.

    Runs of the present size count where they are of the present code, or else all of that size do. Other sizes are
    those of earlier versions too.

    Args:
        facts: of the function.
        prices: of an invocation, in its region.
        objective: what to minimise; default the cost.
        seed: of every draw.
    """
    own, test_calls = without_test_calls(facts.rows, facts.versions)
    facts = replace(facts, rows=own)
    current, rows = facts.current, _rows_that_count(facts)
    evidence = gather(rows, current.architecture, prices, current_mb=current.memory_mb)
    about = account_findings(facts)
    if evidence is None:
        return Advice(facts.name, current, None, None, about, facts)
    traffic = facts.metrics.traffic() if facts.metrics else None
    evidence = replace(evidence, traffic=traffic or evidence.traffic)
    samples = samples_of(rows, current.architecture)
    prediction = _predict(samples, current, prices, objective or Objective(), seed)
    foreign = ForeignRuns(test_calls=test_calls)
    findings = findings_of(Subject(facts.name, evidence, prediction, prices, foreign))
    return Advice(facts.name, current, evidence, prediction, (*about, *findings), facts)


def _rows_that_count(facts: KnownFunction) -> Sequence[LogRow]:
    """The rows without those of the present size that are of other code, where any are of the present code."""
    present = facts.present_rows
    others = [row for row in facts.rows if row.report.memory_size_mb != facts.current.memory_mb]
    return sorted([*others, *present], key=lambda row: row.ended_s or 0.0) if present else facts.rows


def by_money_at_stake(found: Iterable[Advice]) -> list[Advice]:
    """Advice on several functions, that with most money at stake first, those of which nothing is known last."""

    def order(one: Advice) -> tuple[float, float, bool, str]:
        return -(one.at_stake_usd or 0.0), -(one.month_usd or 0.0), one.evidence is None, one.function

    return sorted(found, key=order)


def _predict(
    samples: Sequence[Sample], current: Configuration, prices: PriceList, objective: Objective, seed: int
) -> Prediction | None:
    sizes = [sample.configuration.memory_mb for sample in samples]
    space = SearchSpace(tuple(memory_nodes(MIN_MEMORY_MB, MAX_MEMORY_MB, sizes)), (current.architecture,))
    return predict(samples, space, current, objective, prices, seed=seed)
