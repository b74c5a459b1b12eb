"""What a tuning found, as values: recommendation, saving, frontier and measurements, and its forms.

A thin view of the result document. A result that is loaded is equal to the one that was saved.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.api.files import write_text
from tuner.documents.result import (
    RESULT_FILE,
    ConfigurationDocument,
    MeasurementDocument,
    PointDocument,
    RangeDocument,
    RecommendationDocument,
    ResultDocument,
    dumps,
)
from tuner.errors import TunerError
from tuner.plain_numbers import significant
from tuner.shell_lines import with_command
from tuner.vocabulary import Architecture, Configuration, Interval, Notice, StopReason, StrategyName

if TYPE_CHECKING:
    import pandas

REPORT_FILE = "report.html"
"""What a fleet leaves beside the folders of its functions."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is believed of one configuration.

    Attributes:
        configuration: memory size and architecture.
        duration_ms, p95_ms: mean and 95th percentile of the duration.
        cost_usd: cost of one invocation, in the currency of the prices.
        init_duration_ms: what a cold start adds; None: not known.
        measured: whether it was measured itself, and not only estimated from others.
    """

    configuration: Configuration
    duration_ms: Interval
    p95_ms: Interval
    cost_usd: Interval
    init_duration_ms: Interval | None
    measured: bool

    @property
    def memory_mb(self) -> int:
        """Memory size in MB."""
        return self.configuration.memory_mb

    @property
    def architecture(self) -> Architecture:
        """Instruction set."""
        return self.configuration.architecture


@dataclass(frozen=True, slots=True)
class Recommendation(Estimate):
    """The configuration to use under a strategy.

    Attributes:
        strategy: what it minimises.
        expected_regret: how much it is expected to lose against the best configuration, as a fraction.
        given_to_ties: the part of it that was given away on purpose, for the other goal.
        reason: why this one, in words.
        unmet: the constraint that no configuration meets; None: all are met.
    """

    strategy: StrategyName
    expected_regret: float
    given_to_ties: float
    reason: str
    unmet: str | None

    def __str__(self) -> str:
        mean_ms, per_million = significant(self.duration_ms.mean), significant(self.cost_usd.mean * 1e6)
        return f"{self.configuration}: {mean_ms} ms, {per_million} per million invocations"


@dataclass(frozen=True, slots=True)
class Saving:
    """What the recommendation saves against the configuration in use. Negative: it loses.

    Attributes:
        cost: fraction of the cost of an invocation.
        duration: fraction of the duration.
        objective: fraction of what the strategy minimises.
        per_month_usd: money a month; None: the traffic is not known.
    """

    cost: Interval
    duration: Interval
    objective: Interval
    per_month_usd: Interval | None


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured at one configuration.

    Attributes:
        configuration: memory size and architecture.
        runs, environments, cold_starts: how many there were.
        duration_ms, cost_usd, init_duration_ms: mean with its 95% interval; None: no usable run.
        p95_ms: 95th percentile of the duration of single runs; None: no usable run.
        max_memory_used_mb: as reported; None: not reported.
        errors: the function's own errors, as `type: message`.
    """

    configuration: Configuration
    runs: int
    environments: int
    cold_starts: int
    duration_ms: Interval | None
    p95_ms: float | None
    cost_usd: Interval | None
    init_duration_ms: Interval | None
    max_memory_used_mb: int | None
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What a tuning found.

    Attributes:
        document: the result document, in the form of its published schema.
    """

    document: ResultDocument

    @property
    def recommendation(self) -> Recommendation | None:
        """The configuration to use; None: no configuration gave a usable run."""
        found = self.document["recommendation"]
        return None if found is None else _recommendation(found)

    @property
    def alternatives(self) -> tuple[Recommendation, ...]:
        """What the other strategies recommend."""
        return tuple(map(_recommendation, self.document["alternatives"]))

    @property
    def saving(self) -> Saving | None:
        """Recommended against in use; None: they are equal, or the one in use is not known."""
        found = self.document["saving"]
        if found is None:
            return None
        month = found["per_month_usd"]
        return Saving(
            _interval(found["ratio"]),
            _interval(found["duration_ratio"]),
            _interval(found["objective_ratio"]),
            None if month is None else _interval(month),
        )

    @property
    def current(self) -> Configuration | None:
        """The configuration in use, where known."""
        found = self.document["current"]
        return None if found is None else _configuration(found)

    @property
    def frontier(self) -> tuple[Configuration, ...]:
        """The configurations within the bounds that no other one of these beats in both cost and duration."""
        return tuple(map(_configuration, self.document["frontier"]))

    @property
    def curve(self) -> tuple[Estimate, ...]:
        """What is believed of every configuration that can be recommended, smallest memory first."""
        return tuple(Estimate(**_estimate(point)) for point in self.document["curve"])

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """What was measured, smallest memory first."""
        return tuple(map(_measurement, self.document["measurements"]))

    @property
    def stopped_by(self) -> StopReason:
        """Why the search ended."""
        return StopReason(self.document["stopped_by"])

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What the user should know."""
        return tuple(Notice(found["code"], found["message"]) for found in self.document["warnings"])

    def to_json(self) -> str:
        """The result document as JSON text, as `tuner.load_result` reads it."""
        return dumps(self.document)

    def to_html(self, path: str | Path | None = None) -> str:
        """The report as one page that needs no other file. `path`: also write it there.

        Raises:
            TunerError: it cannot be written.
        """
        from reports.html import render

        page = render(self.document)
        if path is not None:
            write_text(Path(path), page)
        return page

    def to_markdown(self) -> str:
        """The report as Markdown."""
        from reports.markdown import render

        return render(self.document)

    def to_text(self, *, width: int = 100, file: str = "", go_on: str = "", payload: str = "") -> str:
        """The report as plain text for a terminal.

        Args:
            width: columns of the terminal.
            file: that the result is in, for its commands to name it; empty: not known.
            go_on: the command that goes on with the run of a partial result; empty: as the result tells it.
            payload: as it was given on the command line, for commands to repeat it; empty: not to be shown.
        """
        from reports.terminal import render

        return render(self.document, width=width, file=file, go_on=go_on, payload=payload)

    def to_csv(self) -> str:
        """Every configuration as CSV, one row each."""
        from reports.csv import render

        return render(self.document)

    def to_frame(self) -> pandas.DataFrame:
        """Every configuration as a pandas data frame, with the columns of `to_csv`.

        Raises:
            TunerError: pandas is not installed.
        """
        from io import StringIO

        try:
            import pandas
        except ImportError as exc:
            raise TunerError(
                "to_frame() needs pandas, which is not installed.", with_command("Install it:", "pip install pandas")
            ) from exc
        return pandas.read_csv(StringIO(self.to_csv()))

    def save(self, folder: str | Path) -> None:
        """Write `result.json` and `report.html` into a folder, which is made when missing.

        Raises:
            TunerError: it cannot be written.
        """
        write_text(Path(folder) / RESULT_FILE, self.to_json())
        self.to_html(Path(folder) / REPORT_FILE)

    def _repr_markdown_(self) -> str:
        """How a notebook shows it."""
        return self.to_markdown()

    def __repr__(self) -> str:
        return f"Result({self.document['function']['name']}: {self.recommendation or 'no recommendation'})"


def _configuration(document: ConfigurationDocument) -> Configuration:
    return Configuration(document["memory_mb"], Architecture(document["architecture"]))


def _interval(document: RangeDocument) -> Interval:
    return Interval(document["mean"], document["low"], document["high"])


def _estimate(point: PointDocument) -> dict[str, Any]:
    init = point["init_duration_ms"]
    return {
        "configuration": _configuration(point),
        "duration_ms": _interval(point["duration_ms"]),
        "p95_ms": _interval(point["p95_ms"]),
        "cost_usd": _interval(point["cost_usd"]),
        "init_duration_ms": None if init is None else _interval(init),
        "measured": point["measured"],
    }


def _recommendation(document: RecommendationDocument) -> Recommendation:
    return Recommendation(
        **_estimate(document),
        strategy=StrategyName(document["strategy"]),
        expected_regret=document["expected_regret"],
        given_to_ties=document["given_to_ties"],
        reason=document["reason"],
        unmet=document["unmet"],
    )


def _measurement(document: MeasurementDocument) -> Measurement:
    duration, cost, init = document["duration_ms"], document["cost_usd"], document["init_duration_ms"]
    return Measurement(
        configuration=_configuration(document),
        runs=document["runs"],
        environments=document["environments"],
        cold_starts=document["cold_starts"],
        duration_ms=None if duration is None else _interval(duration),
        p95_ms=None if duration is None else duration["p95"],
        cost_usd=None if cost is None else _interval(cost),
        init_duration_ms=None if init is None else _interval(init),
        max_memory_used_mb=document["max_memory_used_mb"],
        errors=tuple(f"{error['type']}: {error['message']}" for error in document["errors"]),
    )
