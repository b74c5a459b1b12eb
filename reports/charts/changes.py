"""How far each metric of a comparison moved, with its interval, against the threshold."""

from __future__ import annotations

from reports.charts import svg
from reports.charts.chart import Chart
from reports.words.comparison import bounds, change, is_bounded, metric_name
from tuner.comparison.verdicts import Comparison, Finding

_ROW, _TOP, _LEFT = 38.0, 34.0, 112.0
WIDEST = 1.0
"""Changes are drawn up to twice the baseline; what goes beyond ends at the edge."""


def draw(comparison: Comparison) -> Chart | None:
    """The change of each metric over all configurations; the threshold is shaded. None: no metric has an interval."""
    told = [f for f in comparison.findings if f.configuration is None and f.effect is not None]
    if not told:
        return None
    threshold = comparison.question.threshold
    ends = [abs(end) for f in told if f.effect for end in (f.effect.low, f.effect.high)]
    reach = min(WIDEST, max(1.5 * threshold, *ends) * 1.1)
    x = svg.Scale(-reach, reach, _LEFT, svg.WIDTH - svg.RIGHT)
    foot = _TOP + _ROW * len(told)
    ends_of_same = [x(-threshold), x(threshold)]
    body = [
        svg.band([(at, _TOP) for at in ends_of_same], [(at, foot) for at in ends_of_same], "flat"),
        svg.label(x(0), _TOP - 8, "counts as the same", "flat-name"),
        svg.x_axis(x, x.ticks(), lambda share: f"{share:+.0%}" if share else "0%", "change of the candidate", foot),
        svg.line([(x(0), _TOP), (x(0), foot)], "axis"),
        *(_row(finding, x, _TOP + _ROW * (number + 0.5)) for number, finding in enumerate(told)),
    ]
    return Chart(
        "changes",
        "What changed",
        svg.canvas("".join(body), "Change of each metric", height=foot + svg.BOTTOM),
        "An interval that lies whole outside the shaded range is a change. One that lies whole inside is the same."
        + ("" if all(is_bounded(f.effect) for f in told if f.effect) else " A line without a mark may be anything."),
        header=("metric", "change", "interval"),
        table=tuple((metric_name(f), change(f), bounds(f.effect)) for f in told),
    )


def _row(finding: Finding, x: svg.Scale, y: float) -> str:
    effect = finding.effect
    assert effect is not None
    metric = metric_name(finding)
    told = f"{change(finding)} ({bounds(effect)})"
    point = svg.mark(x(effect.mean), y, f"{metric}: {told}", "circle", "measured") if is_bounded(effect) else ""
    return (
        f'<g class="series {finding.verdict.value.replace("_", "-")}">'
        f"{svg.label(_LEFT - 8, y + 4, metric, 'name', 'end')}"
        f"{svg.line([(x(effect.low), y), (x(effect.high), y)], 'whisker')}{point}</g>"
    )
