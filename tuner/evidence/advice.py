"""Advice on a function from its logs: evidence, prediction and findings together.

Invokes nothing and changes nothing. Reads rows; where they were read is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tuner.evidence.findings import Insight, Subject, findings_of
from tuner.evidence.function_evidence import FunctionEvidence, gather
from tuner.evidence.log_rows import LogRow
from tuner.evidence.log_samples import samples_of
from tuner.evidence.prediction import Prediction, predict
from tuner.model import MAX_MEMORY_MB, MIN_MEMORY_MB, Architecture, Objective, SearchSpace
from tuner.pricing.price_list import PriceList
from tuner.search.space import memory_nodes


@dataclass(frozen=True, slots=True, eq=False)
class Advice:
    """What past runs of one function tell.

    Attributes:
        function: its name, or that of the log.
        evidence: figures of the current size.
        prediction: of all sizes; None: no run was usable.
        findings: the most useful first.
    """

    function: str
    evidence: FunctionEvidence
    prediction: Prediction | None
    findings: tuple[Insight, ...]

    def document(self) -> dict[str, Any]:
        """The advice as JSON values."""
        evidence, prediction = self.evidence, self.prediction
        recommended = prediction.recommended if prediction else None
        return {
            "function": self.function,
            "memory_mb": evidence.current.memory_mb,
            "architecture": evidence.current.architecture.value,
            "runs": evidence.runs,
            "memory_floor_mb": evidence.memory_floor_mb,
            "max_memory_used_mb": evidence.max_memory_used_mb,
            "cold_start_share": asdict(evidence.cold_start_share),
            "init_duration_ms": asdict(evidence.init_ms) if evidence.init_ms else None,
            "duration_ms": asdict(evidence.duration_ms) if evidence.duration_ms else None,
            "p95_ms": asdict(evidence.p95_ms) if evidence.p95_ms else None,
            "p99_ms": asdict(evidence.p99_ms) if evidence.p99_ms else None,
            "timeout_advice_s": evidence.timeout_advice_s,
            "error_share": asdict(evidence.error_share),
            "cost_usd_per_million": asdict(evidence.cost_per_million_usd),
            "traffic": asdict(evidence.traffic) if evidence.traffic else None,
            "recommendation": recommended
            and {
                "memory_mb": recommended.memory_mb,
                "architecture": recommended.architecture.value,
            },
            "chance_of_saving": prediction.chance_of_saving if prediction else None,
            "saving": asdict(prediction.saving) if prediction else None,
            "findings": [asdict(finding) for finding in self.findings],
        }


def advise_on_rows(
    function: str,
    rows: Sequence[LogRow],
    prices: PriceList,
    *,
    architecture: Architecture = Architecture.X86_64,
    objective: Objective | None = None,
    seed: int = 0,
) -> Advice | None:
    """Advice from the rows of one function, in the order of their time; None where no row names a memory size.

    Args:
        function: its name, for the commands.
        rows: of its log.
        prices: of an invocation.
        architecture: of the function; reports do not name it.
        objective: what to minimise; default the cost.
        seed: of every draw.
    """
    evidence = gather(rows, architecture, prices)
    if evidence is None:
        return None
    samples = samples_of(rows, architecture)
    sizes = [sample.configuration.memory_mb for sample in samples]
    space = SearchSpace(tuple(memory_nodes(MIN_MEMORY_MB, MAX_MEMORY_MB, sizes)), (architecture,))
    prediction = predict(samples, space, evidence.current, objective or Objective(), prices, seed=seed)
    return Advice(function, evidence, prediction, findings_of(Subject(function, evidence, prediction, prices)))
