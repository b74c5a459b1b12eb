"""What each place of the reports on fleets, advice, concurrency and workflows has to say, as in `told_beside`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reports.words.numbers import (
    UNKNOWN,
    memory,
    milliseconds,
    money,
    money_range,
    percent,
    percent_range,
)
from tests.unit.reports.shown import NUMBER
from tests.unit.reports.told_beside import Document, Told, code, row
from tuner.evidence.advice import Advice
from tuner.evidence.concurrency_plan import ConcurrencyPlan
from tuner.model import Interval
from tuner.plain_numbers import chance_words, days_words, plural, significant
from tuner.workflows.document import WorkflowDocument

# Fleets


def told_of_fleet(summary: Document, page: str) -> Told:
    told = Told()
    saved, regions = summary["savingPerMonth"], sorted({item["region"] for item in summary["savings"]})
    told.lines = [f"{plural(summary['tuned'], 'function')} tuned"]
    told.lines.append(
        f"{summary['tuned']} of {summary['functions']} functions tuned; {money(saved)} a month can be saved "
        f"({money_range(*summary['savingPerMonthInterval'])}), {money(12 * saved)} a year; {summary['failed']} failed."
    )
    told.lines.append(
        f"{summary['createdAt'][:10]} · {', '.join(regions)}. The tuning cost {money(summary['cost'])}, with the "
        "transitions of the state machine where one tuned. A saving is that of the recommended configuration over the "
        "current one; its range is the 95% interval, where less than 0 means more expensive. The sum counts proved "
        "savings alone: those whose whole range is above zero."
    )
    told.lines += summary["notStarted"]
    header = ("Function", "Now", "Recommended", "Cheaper", "Range", "Less time", "Saves a month", "Saves a year")
    told.tables = [((*header, "Confidence", "Report"), *map(fleet_cells, summary["savings"]))]
    failures = [(item["function"], item["error"], "") for item in summary["failures"]]
    told.tables.append((("Function", "Error", "Cause"), *failures))
    told.text = [f"{item['function']} {fleet_words(item)}" for item in summary["savings"]]
    told.text += [f"{item['function']} not tuned: {item['cause']}" for item in summary["failures"]]
    told.text.append(f"Page {page}")
    return told


def fleet_cells(item: Document) -> tuple[str, ...]:
    """The cells of a function in the table of a fleet; its report comes last."""
    sizes = [f"{memory(it['power'])} on {it['architecture']}" if it else "not known" for it in (item["current"], item)]
    start, end = [item["function"], *sizes], [item["confidence"], "Report"]
    if item["saving"] is None:
        return (*start, "the configuration in use is not known", *end)
    proved = [not low <= 0 <= high for low, high in (item["interval"], item["durationInterval"])]
    shares = [
        f"{100 * item[name]:.0f}%" if clear else "not clear"
        for name, clear in zip(("saving", "durationSaving"), proved, strict=True)
    ]
    month = item["savingPerMonth"]
    amounts = [money(month * months) if month is not None and proved[0] else "" for months in (1, 12)]
    return (*start, shares[0], percent_range(*item["interval"]), shares[1], *amounts, *end)


def fleet_words(item: Document) -> str:
    chosen, saving = f"{memory(item['power'])} {item['architecture']}", item["saving"]
    if saving is None:
        return chosen
    low, high = item["interval"]
    if low <= 0 <= high:
        return f"{chosen}, {-low:.0%} more expensive to {high:.0%} cheaper"
    if high < 0:
        return f"{chosen}, {-saving:.0%} ({-high:.0%} to {-low:.0%}) more expensive"
    return f"{chosen}, {saving:.0%} ({low:.0%} to {high:.0%}) cheaper"


def fleet_csv(item: Document, columns: Sequence[str]) -> dict[str, str]:
    """A function in the CSV of a fleet: raw values."""
    told = {name: item[name] for name in columns}
    for name, ends in (("saving", "interval"), ("durationSaving", "durationInterval")):
        told |= dict(zip((f"{name}_low", f"{name}_high"), item[ends] or (None, None), strict=True))
    monthly = item["savingPerMonthInterval"] or (None, None)
    told |= dict(zip(("savingPerMonth_low", "savingPerMonth_high"), monthly, strict=True))
    now = item["current"] or {}
    told |= {"currentPower": now.get("power"), "currentArchitecture": now.get("architecture")}
    return {name: "" if value is None else str(value) for name, value in told.items()}


# Advice


def told_of_advice(found: Sequence[Advice]) -> Told:
    told = Told()
    rows = [*map(advice_cells, found)]
    stakes = [advice.at_stake_usd for advice in found if advice.at_stake_usd is not None]
    head = f"What the logs of {plural(len(found), 'function')} tell"
    at_stake = f": {month_of(sum(stakes))} a month at stake" if stakes else ""
    told.lines = [head, f"{head}{at_stake}."]
    told.lines.append(
        "Nothing was invoked. Intervals are at 95%. Money at stake is the expected saving of the best guess."
    )
    told.tables = [(("Function", "Now", "Runs", "A month", "At stake"), *rows)]
    told.text = [*map(" ".join, rows)] if len(found) > 1 else []
    told.markdown = [row(code(cells[0]), *cells[1:]) for cells in rows]
    for advice in found:
        add_advice(told, advice)
    return told


def month_of(usd: float) -> str:
    return "less than $0.01" if 0 < usd < 0.01 else money(usd)


def advice_cells(advice: Advice) -> tuple[str, ...]:
    current, month, stake = advice.current, advice.month_usd, advice.at_stake_usd
    runs = advice.evidence.runs if advice.evidence else 0
    amounts = (UNKNOWN if amount is None else month_of(amount) for amount in (month, stake))
    return advice.function, f"{memory(current.memory_mb)} {current.architecture}", f"{runs:,}", *amounts


def add_advice(told: Told, advice: Advice) -> None:
    """What is said of one function."""
    _, size, runs, month, stake = advice_cells(advice)
    facts = dict(advice_facts(advice))
    if month != UNKNOWN:
        facts["a month"] = f"{month}, {stake} at stake"
    findings = [text for finding in advice.findings for text in (finding.title, finding.evidence)]
    told.lines += [f"|{label}: {fact}" for label, fact in facts.items()]
    if advice.prediction:
        sizes = [memory(c.memory_mb) for c in advice.prediction.belief.candidates]
        chances = [*zip(sizes, map(chance_words, advice.prediction.chances), strict=True)]
        told.tables.append((("Memory", "Chance"), *chances))
        told.marks += [f"{size}: {chance}" for size, chance in chances]
        title = "hance to save more than 5%"
        told.lines += [f"C{title}", f"{sizes[0]}{sizes[-1]}", f"Table: c{title}"]
    told.lines += findings
    plain = f"{advice.function}: {size} in {runs} {'run' if runs == '1' else 'runs'}"
    told.text += [plain, *(f"{label} {fact}" for label, fact in facts.items())]
    told.text += [f"{mark} {text}".strip() for mark, text in zip("- " * len(findings), findings, strict=False)]
    told.markdown += [f"### {code(advice.function)}", *(f"- **{label}** {fact}" for label, fact in facts.items())]
    for finding in advice.findings:
        command = f" {code(finding.command)}" if finding.command else ""
        told.markdown.append(f"- {code(finding.title)}: {code(finding.evidence)}{command}")
    for finding in advice.findings:
        told.text += [finding.command] if NUMBER.search(finding.command) else []


def advice_facts(advice: Advice) -> Iterator[tuple[str, str]]:
    evidence = advice.evidence
    if evidence is None:
        return
    failed = evidence.runs > evidence.good_runs
    good = f", of {evidence.good_runs:,} runs that ended well" if failed else ""
    every = f", of all {evidence.runs:,} runs" if failed else ""
    if evidence.duration_ms:
        yield "duration", mean_of(evidence.duration_ms, evidence.good_runs) + good
    if evidence.p99_ms and evidence.p99_ms.high and evidence.p99_ms.mean:
        yield "p99", mean_of(Interval(evidence.p99_ms.mean, evidence.p99_ms.low, evidence.p99_ms.high), 5) + good
    elif evidence.p99_ms:
        yield "p99", f"at least {significant(evidence.p99_ms.low)} ms (too few runs for an upper bound){good}"
    if evidence.init_ms:
        yield "init", mean_of(evidence.init_ms, evidence.cold_starts)
    price = evidence.cost_per_million_usd
    ends = money_range(price.low, price.high) if evidence.runs >= 5 else "too few runs for an interval"
    yield "per million", f"{money(price.mean)} ({ends}){every}"


def mean_of(found: Interval, runs: int) -> str:
    ends = f"{significant(found.low)} to {significant(found.high)}" if runs >= 5 else "too few runs for an interval"
    return f"{significant(found.mean)} ms ({ends})"


def advice_csv(advice: Advice) -> dict[str, str]:
    document = advice.document()
    p99, best = document.get("p99_ms") or {}, document["recommendation"] or {}
    told = {
        key: document[key]
        for key in ("function", "memory_mb", "architecture", "runs", "good_runs", "month_usd", "at_stake_usd")
    }
    told |= {"recommended_mb": best.get("memory_mb"), "chance_of_saving": document["chance_of_saving"]}
    for key in ("cold_start_share", "error_share", "duration_ms"):
        told[key] = (document.get(key) or {}).get("mean")
    told |= {"p99_ms": p99.get("mean"), "p99_at_least_ms": p99.get("low")}
    told |= {key: document.get(key) for key in ("memory_floor_mb", "timeout_advice_s")}
    told["findings"] = " ".join(finding["code"] for finding in document["findings"])
    return {key: "" if value is None else str(value) for key, value in told.items()}


# Provisioned concurrency


def told_of_concurrency(function: str, plan: ConcurrencyPlan) -> Told:
    told = Told()
    cheapest = plan.cheapest
    head = "No way meets the target, as far as these requests tell."
    if cheapest and cheapest.usd_per_month is not None:
        month = f"{money(cheapest.usd_per_month)} a month"
        head = f"The cheapest way that meets the target is {cheapest.readiness}, at {month}."
        head = "The target is met without any provisioned concurrency." if cheapest.readiness == "none" else head
    requests = f"{plan.requests:,} requests in {days_words(plan.days)}"
    late = plan.target.within_ms
    counted = f"take over {late:g} ms" if late else f"are {plan.target.thing}"
    target = f"Target: at most {share(plan.target.share)} of the requests {counted}, with 95% confidence."
    source = f"Provisioned concurrency: {plan.prices.source}, {plan.prices.as_of}."
    source = f"Without the price of requests. {source}"
    shown = {option.readiness: option for option in plan.options}
    most = max(shown["scheduled"].provisioned if shown["scheduled"].share is not None else shown["fixed"].provisioned)
    told.lines = [f"{function}: {head}", f"{requests}. {target}", source]
    busiest = significant(max(plan.arrivals), 2)
    told.lines.append(
        f"Bars are requests by hour of a mean week, at most {busiest}; the line is the number of environments, at most "
        f"{most}."
    )
    thing = plan.target.thing
    header = ("Way", "Environments", thing.capitalize(), "At most", "A month", "Note")
    rows = [*map(option_cells, plan.options)]
    told.tables = [(header, *rows)]
    told.text = [f"{function}: {requests}", target]
    told.text += [f"way environments {thing} at most a month", *map(" ".join, rows), head, source]
    return told


def option_cells(option: Any) -> tuple[str, ...]:
    if option.share is None:
        return option.readiness.value, *[UNKNOWN] * 4, option.reason
    least, most = min(option.provisioned), max(option.provisioned)
    bound = share(option.upper_bound) + ("" if option.meets else " (misses)")
    environments = f"{least}" if least == most else f"{least} to {most}"
    return option.readiness.value, environments, share(option.share), bound, money(option.usd_per_month), option.reason


def share(value: float) -> str:
    """With three decimals at most."""
    return f"{100 * value:.3f}".rstrip("0").rstrip(".") + "%"


# Workflows


def told_of_workflow(document: WorkflowDocument) -> Told:
    told = Told()
    facts = [*workflow_facts(document)]
    bound = document["bound"]["percentile"]
    which = f"p{bound:g}" if bound else "the mean"
    notes = [warning["message"] for warning in document["warnings"]]
    called = "recommended" if document["met"] else "nearest"
    rows = [*map(function_cells(document), document["functions"])]
    told.lines = [f"{document['workflow']}: sizes of a workflow", *facts]
    told.lines.append(
        f"Every point of the line is a choice of sizes that no other beats in both {which} and cost. The table below "
        "follows the handles."
    )
    told.lines += [f"Deadline ({which})", *notes]
    header = ("Function", "Now", called.capitalize(), "Runs an execution", "Cost per million", "Slack")
    told.tables = [(header, *((cells[0], cells[1], cells[2].removesuffix(" (as now)"), *cells[3:]) for cells in rows))]
    told.marks = [step_name(step, document["currency"]) for step in document["steps"]]
    told.text = [*facts, *map(" ".join, rows), *(f"note: {note}" for note in notes)]
    told.markdown = [f"## {code(document['workflow'])}", f"**{facts[0]}**", *(f"- {fact}" for fact in facts[1:])]
    told.markdown += [
        *(row(code(cells[0]), *cells[1:]) for cells in rows),
        *(f"- Note: {code(note)}" for note in notes),
    ]
    return told


def function_cells(document: WorkflowDocument) -> Any:
    def cells(item: Any) -> tuple[str, ...]:
        now, best = item["current"], item["recommended"]
        size = f"{memory(best['memory_mb'])} {best['architecture']}" + (" (as now)" if now == best else "")
        return (
            item["function"],
            f"{memory(now['memory_mb'])} {now['architecture']}" if now else "not known",
            size,
            significant(item["invocations"], 3),
            money(item["cost_per_million_usd"], document["currency"]),
            milliseconds(item["slack_ms"]) if item["slack_ms"] > 0 else "none",
        )

    return cells


def step_name(step: Any, currency: str) -> str:
    """What is told of a state of the picture."""
    visits = "once" if step["visits"] == 1 else f"{significant(step['visits'], 3)} times"
    slack = "" if step["critical"] else f", slack {milliseconds(step['slack_ms'])}"
    return f"{' / '.join(step['path'])}: {step_figures(step, currency)} per million, {visits}{slack}"


def step_figures(step: Any, currency: str) -> str:
    return f"{milliseconds(step['duration_ms'])} · {money(step['cost_per_million_usd'], currency)}"


def workflow_facts(document: WorkflowDocument) -> Iterator[str]:
    """The headline, and every sentence with a number below it."""
    bound, chosen, now, currency = document["bound"], document["chosen"], document["current"], document["currency"]
    time, cost = milliseconds(chosen["duration_ms"]), money(chosen["cost_per_million_usd"], currency)
    which = f"p{bound['percentile']:g}" if bound["percentile"] else "the mean"
    kept, met = document["share_met"] or 0.0, document["met"]
    if bound["deadline_ms"] is not None:
        deadline = milliseconds(bound["deadline_ms"])
        sure, most = ("surely ", "up to ") if 100 * kept >= (bound["percentile"] or 101) else ("", "")
        unmet = f"No sizes {sure}keep {deadline} ({which}). "
        unmet += f"The fastest take {most}{time} and cost {cost} per million executions."
        yield f"{cost} per million executions keeps {deadline}: {which} is at most {time}." if met else unmet
    else:
        budget = money(bound["budget_per_million_usd"] or 0.0, currency)
        unmet = f"No sizes cost {budget} or less. "
        unmet += f"The cheapest cost {cost} per million executions and take {time} ({which})."
        yield f"{time} ({which}) is the fastest for {budget} per million executions: it costs {cost}." if met else unmet
    if now:
        cheaper = chosen["cost_per_million_usd"] / now["cost_per_million_usd"] - 1
        slower = chosen["duration_ms"] / now["duration_ms"] - 1
        cost_told = f"{percent(abs(cheaper))} {'more' if cheaper > 0 else 'less'}"
        cost_told = f"{significant(cheaper + 1, 2)} times as much" if cheaper >= 1 else cost_told
        time_told = f"{percent(abs(slower))} {'more' if slower > 0 else 'less'} time"
        time_told = f"{significant(slower + 1, 2)} times as long" if slower >= 1 else time_told
        yield (
            f"The sizes in use cost {money(now['cost_per_million_usd'], currency)}, and take "
            f"{milliseconds(now['duration_ms'])} ({which}). "
            f"The {'recommended' if met else 'nearest'} ones cost {cost_told}, and take {time_told}."
        )
    median, p95, p99 = (milliseconds(document["time_ms"][at]) for at in ("p50", "p95", "p99"))
    keep = f"; {percent(kept)} of executions keep to the deadline" if document["share_met"] is not None else ""
    yield f"Expected end to end: median {median}, p95 {p95}, p99 {p99}{keep}."
    moves = document["transitions"]
    yield (
        f"Step Functions itself costs {money(moves['cost_per_million_usd'], currency)} per million executions, "
        f"{significant(moves['per_execution'], 3)} transitions each, whatever the sizes."
    )
    trust = f"Other sizes are at most {percent(document['excess'])} better." if document["excess"] else ""
    trust = trust or ("Exact: no other sizes are better." if document["excess"] is not None else "")
    trust = trust or "Found by simulated executions; other sizes could be slightly better."
    off = document["front_excess"]
    yield f"{trust} Other points of the front of means may cost {percent(off)} more than needed." if off else trust
    sure = document["confirmation"]
    if sure:
        holds = "holds" if abs(sure["off_by"]) <= 0.1 else "does not hold"
        yield (
            f"Confirmed on copies: {sure['executions']} executions took {milliseconds(sure['p50_ms'])} in the median; "
            f"the prediction of {milliseconds(sure['predicted_p50_ms'])} {holds}."
        )
