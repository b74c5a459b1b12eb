"""Both sides of every configuration that two result documents measured.

Rebuilds the runs of documents. Refuses two documents that have nothing in common; judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuner.comparison.failures import crash
from tuner.comparison.run_series import RunSeries
from tuner.errors import InputError
from tuner.model import Architecture, Configuration, FunctionError, Invocation, Outcome
from tuner.pricing.price_list import PriceList, Tier


@dataclass(frozen=True, slots=True)
class ConfigurationPair:
    """Both sides at one configuration."""

    configuration: Configuration
    baseline: RunSeries
    candidate: RunSeries

    @property
    def crashed(self) -> bool:
        """Whether the candidate is broken here."""
        return bool(crash(self.baseline.tally, self.candidate.tally))

    @property
    def measurable(self) -> bool:
        """Whether both sides have runs of the same kind of start."""
        both = self.baseline.tally.usable and self.candidate.tally.usable
        return bool(both) and self.baseline.cold == self.candidate.cold


def describe(document: Mapping[str, Any]) -> str:
    """A result document in a few words: function, version, where, when."""
    function = document["function"]
    version = f":{function['version']}" if function["version"] else ""
    where = function["region"] or function["backend"]
    return f"{function['name']}{version} ({where}, {document['created_at']})"


def document_prices(document: Mapping[str, Any]) -> PriceList:
    """The prices of a result document. Both sides are priced alike, so that a new price is no regression."""
    prices = document["prices"]
    return PriceList(
        region=prices["region"],
        currency=prices["currency"],
        as_of=prices["as_of"],
        source=prices["source"],
        tiers={a: (Tier(None, prices["gb_second_usd"][a.value]),) for a in Architecture},
        request_usd=prices["request_usd"],
        ephemeral_usd_per_gb_second=0.0,
    )


def document_series(document: Mapping[str, Any]) -> dict[Configuration, RunSeries]:
    """The runs of a result document by configuration."""
    only_cold = bool(document["request"].get("only_cold_starts", False))
    return {
        configuration: RunSeries.of(
            configuration, _invocations(measurement["data"], measurement["errors"]), only_cold=only_cold
        )
        for configuration, measurement in zip(configurations(document), document["measurements"], strict=True)
    }


def match_configurations(
    baseline: Mapping[str, Any], candidate: Mapping[str, Any], names: tuple[str, str]
) -> list[ConfigurationPair]:
    """Both sides of every configuration that both documents tried.

    Raises:
        InputError: there is none, the baseline has no usable run in any of them, or nothing of
            the candidate ever ran.
    """
    before = document_series(baseline)
    after = document_series(candidate)
    if not any(series.tally.usable for series in before.values()):
        remedy = "give a baseline whose runs succeeded"
        raise InputError.single(names[0], "has no usable run: nothing can be compared with it", remedy)
    if not any(series.tally.runs for series in after.values()):
        raise InputError.single(names[1], "holds no run at all", "tune again; see its warnings for the cause")
    common = sorted(set(before) & set(after))
    if not common:
        problem = f"no configuration was measured in both ({_listed(before)}; {_listed(after)})"
        remedy = "tune both with the same --power-values and --arch, or use `tuner duet`"
        raise InputError.single(f"{names[0]}, {names[1]}", problem, remedy)
    pairs = [ConfigurationPair(c, before[c], after[c]) for c in common]
    if not any(pair.measurable or pair.crashed for pair in pairs):
        errors = [pair.candidate.tally.error for pair in pairs if pair.candidate.tally.error]
        problem = "no configuration has usable runs of the same kind of start in both"
        problem += f"; the candidate failed: {errors[0]}" if errors else ""
        raise InputError.single(f"{names[0]}, {names[1]}", problem, "tune both in the same way")
    return pairs


def _listed(series: Mapping[Configuration, RunSeries]) -> str:
    return ", ".join(str(configuration) for configuration in sorted(series)) or "none"


def configurations(document: Mapping[str, Any]) -> list[Configuration]:
    """The configurations of a result document, in its order."""
    return [Configuration(m["memory_mb"], Architecture(m["architecture"])) for m in document["measurements"]]


def _invocations(data: Mapping[str, Sequence[Any]], errors: Sequence[Mapping[str, Any]]) -> list[Invocation]:
    """Rebuild runs from the columns of a measurement; what failed has the most frequent error."""
    error = FunctionError(errors[0]["type"], errors[0]["message"]) if errors else None
    runs = []
    rows = zip(*(data[name] for name in sorted(data)), strict=True)
    for row in rows:
        cell = dict(zip(sorted(data), row, strict=True))
        outcome = Outcome(cell["outcome"])
        start = cell["init_duration_ms"]
        runs.append(
            Invocation(
                outcome,
                environment=str(cell["environment"]),
                duration_ms=cell["duration_ms"],
                billed_duration_ms=cell["billed_duration_ms"],
                # A cold run whose start is not known is still a cold one.
                init_duration_ms=(start or 0.0) if cell["cold"] else None,
                max_memory_used_mb=cell["max_memory_used_mb"],
                allowed=outcome is Outcome.ERROR and cell["usable"],
                error=None if cell["usable"] else error,
            )
        )
    return runs
