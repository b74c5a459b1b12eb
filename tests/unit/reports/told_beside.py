"""What each place of the reports beside that of a result has to say: whole tables, and every line that has a number.

Made anew from the documents with the rounding rules alone. Nothing of what places numbers in a report is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from reports.words.comparison import bounds, value_text
from reports.words.numbers import (
    memory,
    milliseconds,
    milliseconds_range,
    money,
    money_range,
    percent_range,
)
from tests.unit.reports.shown import NUMBER, Page, Table, numbered
from tuner.comparison.question import Metric
from tuner.comparison.verdicts import Comparison, Finding, Method, Verdict
from tuner.plain_numbers import plural

Document = Any
NAMES = {Metric.TAIL: "slow runs", Metric.INIT: "init duration", Metric.MEMORY: "memory used"}
SAID = {verdict: verdict.value.replace("_", " ") for verdict in Verdict}
MEANS = "Measured means with their 95% intervals"
FOUND_BY = ". Squares are x86_64, circles arm64."
CURVES = " Lines are fitted curves with their bands."


@dataclass
class Told:
    """What a page has: its tables, its lines with a number, the names of its marks; and the lines of text forms."""

    tables: list[Table] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    markdown: list[str] = field(default_factory=list)

    def assert_page(self, page: str) -> None:
        shown = Page(page)
        assert shown.tables == self.tables
        assert numbered("\n".join(shown.lines)) == numbered("\n".join(self.lines))
        assert sorted(filter(NUMBER.search, shown.marks)) == sorted(self.marks)

    def assert_text(self, form: str) -> None:
        assert numbered(form) == numbered("\n".join(self.text))

    def assert_markdown(self, form: str) -> None:
        assert numbered(form) == numbered("\n".join(self.markdown))


def row(*cells: str) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def code(text: str) -> str:
    return f"`{text}`"


# Charts over memory


def drawn(sides: Sequence[tuple[str, Document]]) -> Iterator[tuple[Table, str, list[str]]]:
    """Table, caption and marks of the charts of cost and duration over memory."""
    currency = sides[0][1]["prices"]["currency"]
    curves = any(side["fitted"] or not side["request"]["listed"] for _, side in sides)
    for axis, metric in (("cost of a million invocations", "cost_usd"), ("duration", "duration_ms")):
        rows = [("result", "memory", "architecture", axis, "95% interval")]
        marks = []
        for label, side in sides:
            for m in side["measurements"]:
                mean, ends = figure(metric, m[metric], currency)
                rows.append((label, memory(m["memory_mb"]), m["architecture"], mean, ends))
                marks.append(f"{label}, {memory(m['memory_mb'])} {m['architecture']}: {mean}")
        yield tuple(rows), f"{MEANS}{FOUND_BY}{CURVES if curves else ''}", marks


def figure(metric: str, found: Document, currency: str) -> tuple[str, str]:
    """A mean and its interval: of a duration, or of a cost for a million invocations."""
    low, mean, high = (found[end] for end in ("low", "mean", "high"))
    if metric == "duration_ms":
        return milliseconds(mean), milliseconds_range(low, high)
    return money(mean * 1e6, currency), money_range(low * 1e6, high * 1e6, currency)


# Comparisons


def told_of_comparison(comparison: Comparison, sides: Sequence[Document] | None) -> Told:
    told = Told()
    head, end = headline(comparison), small_print(comparison)
    told.lines = [head, head, f"|baseline: {comparison.baseline}", f"|candidate: {comparison.candidate}"]
    moved = [f for f in comparison.findings if f.configuration is None and f.effect]
    if moved:
        rows = [(name(f), change(f), bounds(f.effect)) for f in moved]
        told.tables.append((("metric", "change", "interval"), *rows))
        told.marks += [f"{metric}: {by} ({ends})" for metric, by, ends in rows if by]
    for table, caption, marks in drawn([*zip(("baseline", "candidate"), sides, strict=True)]) if sides else ():
        told.tables.append(table)
        told.lines.append(caption)
        told.marks += marks
    header = ("metric", "where", "baseline", "candidate", "change", "interval", "verdict", "runs")
    cells = [
        (*cells_of(f, comparison.currency), with_note(f), f"{f.runs:,}" * bool(f.runs)) for f in comparison.findings
    ]
    told.tables.append((header, *cells))
    notices = [notice.message for notice in comparison.notices]
    told.lines += [*notices, end]
    told.text = [head, f"baseline {comparison.baseline}", f"candidate {comparison.candidate}"]
    lines = [f for f in comparison.findings if tells(f)]
    told.text += [" ".join((*cells_of(f, comparison.currency), SAID[f.verdict])) for f in lines]
    if left := len(comparison.findings) - len(lines):
        rest = "of single configurations that have no change to tell. Markdown, HTML and JSON have all."
        told.text.append(f"Left out: {plural(left, 'line')} {rest}")
    told.text += [*notes(comparison.findings), end, *(f"note: {notice}" for notice in notices)]
    told.markdown = [f"### {SIGNS[comparison.verdict]} {head}"]
    told.markdown.append(f"{code(comparison.baseline)} → {code(comparison.candidate)}")
    told.markdown += [markdown_row(f, comparison.currency) for f in comparison.findings]
    told.markdown += [f"<sub>{end}</sub>", *(f"> {code(notice)}" for notice in notices)]
    return told


SIGNS = {Verdict.WORSE: "🔴", Verdict.BETTER: "🟢", Verdict.SAME: "⚪", Verdict.NOT_DECIDED: "🟡"}


def name(finding: Finding) -> str:
    return NAMES.get(finding.metric, finding.metric.value)


def change(finding: Finding) -> str:
    if finding.metric in (Metric.TAIL, Metric.FAILURES) and finding.baseline is not None:
        assert finding.candidate is not None
        return f"{signed(finding.candidate - finding.baseline)} points"
    known = finding.effect and (finding.effect.low > -1 or finding.effect.high < 10)
    return f"{signed(finding.effect.mean)}%" if known and finding.effect else ""


def signed(change: float) -> str:
    """A fraction in hundredths with its sign; none where it rounds to nothing."""
    return "0.0" if abs(change) < 0.0005 else f"{100 * change:+.1f}"


def cells_of(finding: Finding, currency: str) -> tuple[str, ...]:
    where = finding.configuration
    place = f"{memory(where.memory_mb)} {where.architecture}" if where else "overall"
    before, after = (value_text(finding.metric, side, currency) for side in (finding.baseline, finding.candidate))
    label = "cost per million" if finding.metric is Metric.COST else name(finding)
    return label, place, before, after, change(finding), bounds(finding.effect)


def notes_of(finding: Finding) -> tuple[str, str]:
    """The reason, and the runs that would decide."""
    if finding.runs_to_decide and finding.verdict is Verdict.NOT_DECIDED:
        return finding.reason, f"about {finding.runs_to_decide:,} runs would decide ({finding.runs:,} so far)"
    far = finding.verdict is Verdict.NOT_DECIDED and finding.effect and not finding.reason
    return finding.reason, "no sensible number of runs would decide" if far else ""


def with_note(finding: Finding) -> str:
    return f"{SAID[finding.verdict]} {'; '.join(filter(None, notes_of(finding)))}".strip()


def markdown_row(finding: Finding, currency: str) -> str:
    reason, outlook = notes_of(finding)
    small = "; ".join(filter(None, [code(reason) if reason else "", outlook]))
    verdict = f"{SIGNS[finding.verdict]} {SAID[finding.verdict]}" + (f"<br><sub>{small}</sub>" if small else "")
    return row(*cells_of(finding, currency), verdict)


def notes(findings: Iterable[Finding]) -> Iterator[str]:
    """Each note once, after the metrics and the places that it is of; of more than three places their number."""
    found = [*findings]
    texts: dict[str, dict[tuple[str, ...], list[str]]] = {}
    for metric in dict.fromkeys(map(name, found)):
        own = [("; ".join(filter(None, notes_of(f))), cells_of(f, "USD")[1]) for f in found if name(f) == metric]
        alike = len({text for text, _ in own}) == 1
        for text in dict.fromkeys(text for text, _ in own):
            places = () if alike else tuple(place for told, place in own if told == text)
            texts.setdefault(text, {}).setdefault(places, []).append(metric)
    for text, titles in texts.items():
        if text:
            yield f"{'; '.join(titled(metrics, places) for places, metrics in titles.items())}: {text}"


def titled(metrics: Sequence[str], places: Sequence[str]) -> str:
    if len(places) <= 3:
        return ", ".join([*metrics, *places])
    whole = "overall" in places
    return f"{', '.join(metrics)}{', overall and' if whole else ''} at {len(places) - whole} configurations"


def tells(finding: Finding) -> bool:
    """Whether a terminal has a line of it: one of a single configuration has a verdict, or a change to tell."""
    told = finding.verdict in (Verdict.WORSE, Verdict.BETTER) or change(finding) not in ("", "0.0 points")
    return finding.configuration is None or told


def headline(comparison: Comparison) -> str:
    within = f"{comparison.question.threshold:.1%}".replace(".0%", "%")
    worse = sorted({name(f) for f in comparison.findings if f.verdict is Verdict.WORSE})
    better = sorted({name(f) for f in comparison.findings if f.verdict is Verdict.BETTER and not f.configuration})
    leaning = sorted({name(f) for f in comparison.findings if f.leans_worse and not f.configuration})
    tail = [f for f in comparison.findings if f.metric is Metric.TAIL and f.verdict is Verdict.SAME]
    leans = f"{', '.join(leaning)} may be worse" if leaning else "nothing is proved worse"
    return {
        Verdict.WORSE: f"Worse: {', '.join(worse)} (threshold {within})",
        Verdict.BETTER: f"Better: {', '.join(better)} (threshold {within})",
        Verdict.SAME: f"The same within {within}"
        + ("; the share of slow runs grew by at most 2 points" if tail else ""),
        Verdict.NOT_DECIDED: f"Not decided (threshold {within}); {leans}",
    }[comparison.verdict]


def small_print(comparison: Comparison) -> str:
    chance = f"{1 - comparison.question.confidence:.1%}".replace(".0%", "%")
    told = f"Chance of any false alarm in the whole comparison: at most {chance}"
    if comparison.method is not Method.DUET:
        typical = "A duration is that of a typical run, the median in each environment"
        means = "A cost is the mean of all runs in each. Reports show other means, so their figures differ"
        told = f"{typical}. {means}. {told}"
    else:
        told = f"A change is that within pairs, so it need not be the ratio of the two values beside it. {told}"
        told += f", early stopping included. Ended after {comparison.invocations:,} invocations: it was decided"
    drift = comparison.drift
    if drift:
        apart = "less than a day" if drift.days < 1 else plural(round(drift.days), "day")
        told += f". The two are {apart} apart: every interval is widened by a drift of {drift.sd:.1%}"
    return f"{told}."


# Several results


def told_of_results(results: Sequence[Document], changes: dict[int, Sequence[Finding]], names: Sequence[str]) -> Told:
    """Releases of one function, whose names are their dates, or several functions."""
    told = Told()
    dates = [result["created_at"][:10] for result in results]
    releases = len({result["function"]["name"] for result in results}) == 1
    head = f"{len(results)} functions, {len(results)} results"
    if releases:
        moved = "".join(f"{'; ' * (not i)}{', ' * bool(i)}worse on {dates[n]}" for i, n in enumerate(changes))
        head = f"{results[0]['function']['name']}: {len(results)} results from {dates[0]} to {dates[-1]}{moved}"
    told.lines = [head, head]
    newest = [*zip(names, results, strict=True)][-6:]
    if len(results) > 6:
        told.lines.append(f"The charts over memory show the last 6 of {len(results)} results.")
    if releases:
        for axis, metric in (("duration", "duration_ms"), ("cost of a million", "cost_usd")):
            add_trend(told, [*zip(dates, results, strict=True)], axis, metric, changed=bool(changes))
    for table, caption, marks in drawn(newest):
        told.tables.append(table)
        told.lines += [*(label for label, _ in newest), caption]
        told.marks += marks
    header = ("result", "made", "recommended", "duration", "cost per million", "saves", "confidence", "change")
    cells = [result_cells(result, changes.get(number, ())) for number, result in enumerate(results)]
    told.tables.append((header, *((label, *found) for label, found in zip(names, cells, strict=True))))
    rows = [*zip(names, cells, strict=True)]
    told.text = [head, *(" ".join((label, *found)) for label, found in rows)]
    told.markdown = [f"### {code(head)}", *(row(code(label), *found) for label, found in rows)]
    return told


def add_trend(told: Told, results: Sequence[tuple[str, Document]], axis: str, metric: str, *, changed: bool) -> None:
    """The chart of a figure over the releases, at the smallest size: the one of all recommendations."""
    m = results[-1][1]["recommendation"]
    where = (m["memory_mb"], m["architecture"])
    currency = results[0][1]["prices"]["currency"]
    rows = []
    for date, result in results:
        own = next(m for m in result["measurements"] if (m["memory_mb"], m["architecture"]) == where)
        rows.append((date, *figure(metric, own[metric], currency)))
    told.tables.append((("result", axis, "95% interval"), *rows))
    told.marks += [f"{date}: {mean} ({ends})" for date, mean, ends in rows]
    title = f"{axis.partition(' ')[0]} at {memory(where[0])} on {where[1]}"
    dashed = " Dashed lines are changes of the level." if changed else ""
    told.lines += [title.capitalize().replace(" mb ", " MB "), f"{MEANS}, the oldest result first.{dashed}"]
    told.lines.append(f"Table: {title}")


def result_cells(result: Document, changed: Sequence[Finding]) -> tuple[str, ...]:
    best, saving = result["recommendation"], result["saving"]
    told = "; ".join(f"{name(f)} {change(f)} ({bounds(f.effect)})" for f in changed)
    return (
        result["created_at"][:10],
        f"{memory(best['memory_mb'])} on {best['architecture']}",
        milliseconds(best["duration_ms"]["mean"]),
        money(best["cost_usd"]["mean"] * 1e6, result["prices"]["currency"]),
        percent_range(saving["ratio"]["low"], saving["ratio"]["high"]) if saving else "",
        result["confidence"]["level"],
        told,
    )


def results_csv(results: Sequence[Document], changes: Iterable[int]) -> list[dict[str, str]]:
    found = []
    for number, result in enumerate(results):
        best, function, saving = result["recommendation"], result["function"], result["saving"]
        told: dict[str, Any] = {"function": function["name"], "version": function["version"] or ""}
        told |= {"created_at": result["created_at"], "region": function["region"]}
        told |= {"memory_mb": best["memory_mb"], "architecture": best["architecture"]}
        for metric in ("duration_ms", "cost_usd"):
            told |= {f"{metric}_{end}": best[metric][end] for end in ("mean", "low", "high")}
        told |= {f"saving_ratio_{end}": saving["ratio"][end] if saving else "" for end in ("mean", "low", "high")}
        told |= {"confidence": result["confidence"]["level"], "change": "worse" if number in changes else ""}
        found.append({name: str(value) for name, value in told.items()})
    return found
