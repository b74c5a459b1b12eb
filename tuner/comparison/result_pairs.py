"""Both sides of every configuration that two result documents measured.

Rebuilds the runs of documents. Refuses two documents that have nothing in common; judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tuner.comparison.run_series import RunSeries
from tuner.documents.result import ErrorDocument, ResultDocument, RunsDocument
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
    def measurable(self) -> bool:
        """Whether both sides have runs of the same kind of start."""
        both = self.baseline.tally.usable and self.candidate.tally.usable
        return bool(both) and self.baseline.cold == self.candidate.cold


def describe(document: ResultDocument) -> str:
    """A result document in a few words: function, version, where, when."""
    function = document["function"]
    version = f":{function['version']}" if function["version"] else ""
    where = function["region"] or function["backend"]
    return f"{function['name']}{version} ({where}, {document['created_at']})"


def document_prices(document: ResultDocument) -> PriceList:
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


def document_series(document: ResultDocument) -> dict[Configuration, RunSeries]:
    """The runs of a result document by configuration."""
    only_cold = bool(document["request"].get("only_cold_starts", False))
    return {
        configuration: RunSeries.of(
            configuration, _invocations(measurement["data"], measurement["errors"]), only_cold=only_cold
        )
        for configuration, measurement in zip(configurations(document), document["measurements"], strict=True)
    }


def match_configurations(
    before: Mapping[Configuration, RunSeries], after: Mapping[Configuration, RunSeries], names: tuple[str, str]
) -> list[ConfigurationPair]:
    """Both sides of every configuration that baseline and candidate tried.

    Raises:
        InputError: there is none, the baseline has no usable run in any of them, or nothing of
            the candidate ever ran.
    """
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
    # A candidate that always fails can be judged: by its failures.
    if not any(pair.measurable or not pair.candidate.tally.usable for pair in pairs):
        problem = "no configuration has usable runs of the same kind of start in both"
        raise InputError.single(f"{names[0]}, {names[1]}", problem, "tune both in the same way")
    return pairs


def _listed(series: Mapping[Configuration, RunSeries]) -> str:
    return ", ".join(str(configuration) for configuration in sorted(series)) or "none"


def configurations(document: ResultDocument) -> list[Configuration]:
    """The configurations of a result document, in its order."""
    return [Configuration(m["memory_mb"], Architecture(m["architecture"])) for m in document["measurements"]]


def _invocations(data: RunsDocument, errors: Sequence[ErrorDocument]) -> list[Invocation]:
    """Rebuild runs from the columns of a measurement; what failed has the most frequent error."""
    error = FunctionError(errors[0]["type"], errors[0]["message"]) if errors else None
    columns = zip(
        data["outcome"],
        data["usable"],
        data["cold"],
        data["environment"],
        data["duration_ms"],
        data["billed_duration_ms"],
        data["init_duration_ms"],
        data["max_memory_used_mb"],
        strict=True,
    )
    return [
        Invocation(
            Outcome(outcome),
            environment=str(environment),
            duration_ms=duration_ms,
            billed_duration_ms=billed_ms,
            # A cold run whose start is not known is still a cold one.
            init_duration_ms=(init_ms or 0.0) if cold else None,
            max_memory_used_mb=used_mb,
            allowed=outcome == Outcome.ERROR and usable,
            error=None if usable else error,
        )
        for outcome, usable, cold, environment, duration_ms, billed_ms, init_ms, used_mb in columns
    ]
