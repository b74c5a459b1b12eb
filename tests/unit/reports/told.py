"""What each place of a report has to say of a document: whole rows of tables, and the parts of sentences with numbers.

Made anew from the document with the rounding rules alone. Nothing of what places numbers in a report is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from reports.words.numbers import (
    count,
    memory,
    milliseconds,
    milliseconds_range,
    money,
    money_range,
    number,
    per_million,
    percent,
    percent_range,
    seconds,
)
from tuner.documents.decision import decision_evidence
from tuner.plain_numbers import joined, plural, significant
from tuner.pricing.currency import currency_sign
from tuner.search.decision import doubts, explain, objections

Document = dict[str, Any]
GOALS = {"cost": "cheapest", "speed": "fastest", "balanced": "best balanced"}
WAYS = {"cost": ("cheaper", "more expensive", "cost"), "speed": ("faster", "slower", "duration")}
ROLES = ("recommended", "current", "frontier")
METRICS = ("duration_ms", "p95_ms", "cost_usd", "init_duration_ms")
NONE = "–"


def key(item: Document) -> tuple[int, str]:
    return item["memory_mb"], item["architecture"]


def short(item: Document) -> str:
    return f"{memory(item['memory_mb'])} {item['architecture']}"


def on(item: Document) -> str:
    return f"{memory(item['memory_mb'])} on {item['architecture']}"


def time(interval: Document | None) -> str:
    return milliseconds(interval["mean"]) if interval else NONE


def times(interval: Document | None) -> str:
    return milliseconds_range(interval["low"], interval["high"]) if interval else NONE


class Told:
    """A document, and what the forms say of it."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.currency: str = document["prices"]["currency"]
        self.month: float = document["request"]["invocations_per_month"] or 0
        self.now, self.best = document["current"], document["recommendation"]
        self.points = {key(point): point for point in document["curve"]}
        self.measured = {key(m): m for m in document["measurements"]}
        self.reasons = {key(item): item["reason"] for item in document["excluded"]}
        self.front = {key(item) for item in document["frontier"]}
        self.called = "nearest" if self.best and self.best["unmet"] else "recommended"

    # Configurations

    def configurations(self) -> list[tuple[int, str]]:
        return sorted({*self.points, *self.measured, *self.reasons, *([key(self.now)] if self.now else [])})

    def figure(self, where: tuple[int, str], metric: str) -> Document | None:
        """What is believed of a configuration; of what is no candidate, the statistics of its runs, but for p95."""
        if where in self.points:
            return self.points[where][metric]
        return self.measured[where][metric] if where in self.measured and metric != "p95_ms" else None

    def runs(self, where: tuple[int, str]) -> int:
        return self.measured[where]["runs"] if where in self.measured else 0

    def roles(self, where: tuple[int, str]) -> dict[str, bool]:
        return {
            "recommended": bool(self.best) and where == key(self.best),
            "current": bool(self.now) and where == key(self.now),
            "frontier": where in self.front,
        }

    def million(self, interval: Document | None) -> str:
        return per_million(interval["mean"], self.currency) if interval else NONE

    def millions(self, interval: Document | None, factor: float = 1e6) -> str:
        return money_range(interval["low"] * factor, interval["high"] * factor, self.currency) if interval else NONE

    def monthly(self, interval: Document | None) -> str:
        return money(interval["mean"] * self.month, self.currency) if interval else NONE

    # Tables of the page

    def page_tables(self) -> Iterator[list[tuple[str, ...]]]:
        everywhere = self.configurations()
        yield self.pair()
        yield [self.overview_row(where) for where in everywhere]
        yield [self.trade_off_row(where) for where in everywhere if self.on_trade_off(where)]
        yield [*self.strategies()]
        yield [*self.strips()]
        yield [self.init_row(m) for m in self.document["measurements"] if m["init_duration_ms"]]
        yield [self.round_row(found) for found in self.rounds()]
        yield [self.page_row(where) for where in everywhere]

    def pair(self) -> list[tuple[str, ...]]:
        if not self.best:
            return []
        kind = "cold duration" if self.document["request"]["only_cold_starts"] else "warm duration"
        now, best = self.now or {}, self.best
        cost, duration = best["cost_usd"], best["duration_ms"]
        rows = [
            ("memory", memory(now["memory_mb"]) if now else "not known", memory(best["memory_mb"])),
            ("architecture", now.get("architecture", NONE), best["architecture"]),
            ("cost per million", self.million(now.get("cost_usd")), f"{self.million(cost)} {self.millions(cost)}"),
            (kind, time(now.get("duration_ms")), f"{time(duration)} {times(duration)}"),
        ]
        return [*rows, *self.savings()]

    def savings(self) -> Iterator[tuple[str, ...]]:
        saved = self.document["saving"] and self.document["saving"]["per_month_usd"]
        if not saved or self.best["unmet"]:
            return
        proved = saved["low"] > 0 or saved["high"] < 0
        label = ("costs more" if saved["mean"] < 0 else "saves") + ("" if proved else ", if anything,")
        low, mean, high = (saved[end] for end in ("low", "mean", "high"))
        if mean < 0:
            low, mean, high = -high, -mean, -low
        for period, months in (("month", 1), ("year", 12)):
            ends = money_range(low * months, high * months, self.currency)
            yield f"{label} a {period}", f"{money(mean * months, self.currency)} {ends}"

    def overview_row(self, where: tuple[int, str]) -> tuple[str, ...]:
        cost, duration = self.figure(where, "cost_usd"), self.figure(where, "duration_ms")
        costs = (self.million(cost), self.millions(cost)) if self.points else ()
        runs = plural(self.runs(where), "run") if self.runs(where) else "no"
        state = self.reasons.get(where, runs)
        return memory(where[0]), where[1], *costs, time(duration), times(duration), state, self.mark_of(where)

    def mark_of(self, where: tuple[int, str]) -> str:
        """What a size's mark shows: the means of its own runs, and how many they are."""
        m = self.measured.get(where)
        if not m or not m["duration_ms"]:
            return NONE
        cost, duration = m["cost_usd"], m["duration_ms"]
        costs = [f"{self.million(cost)} ({self.millions(cost)})"] if self.points and cost else []
        return ", ".join([*costs, f"{time(duration)} ({times(duration)})", self.own_runs(m)])

    def on_trade_off(self, where: tuple[int, str]) -> bool:
        return where in self.points and any(self.roles(where).values())

    def trade_off_row(self, where: tuple[int, str]) -> tuple[str, ...]:
        return memory(where[0]), where[1], time(self.figure(where, "duration_ms")), self.cost_of(where)

    def cost_of(self, where: tuple[int, str]) -> str:
        return self.million(self.figure(where, "cost_usd"))

    def strategies(self) -> Iterator[tuple[str, ...]]:
        if not self.best:
            return
        choice = self.document["curve_choice"]
        found = [(item["strategy"], item) for item in (self.best, *self.document["alternatives"])]
        for name, item in [*found, *([(f"{choice['strategy']}, fitted curve", choice)] if choice else [])]:
            yield name, on(item), time(item["duration_ms"]), self.million(item["cost_usd"])

    def strips(self) -> Iterator[tuple[str, ...]]:
        """Median, 95th percentile and longest of the warm runs, and of what callers wait for cold ones."""
        for name, where in self.stripped():
            for kind, waits in self.waits(where):
                median, tail = np.quantile(waits, (0.5, 0.95)).tolist()
                yield name, kind, f"{len(waits):,}", *map(milliseconds, (median, tail, max(waits)))

    def stripped(self) -> Iterator[tuple[str, tuple[int, str]]]:
        """The configurations whose single runs are shown: now and recommended, or the measured one that is nearest."""
        usable = [where for where, m in self.measured.items() if any(m["data"]["usable"])]
        same = self.now and self.best and key(self.now) == key(self.best)
        named = ((None if same else self.now, "now"), (self.best, f"{self.called} = now" if same else self.called))
        for item, name in named:
            if item and key(item) in usable:
                yield f"{name}: {short(item)}", key(item)
            elif item:
                ratio, where = min(
                    (max(w[0] / item["memory_mb"], item["memory_mb"] / w[0]), w)
                    for w in [*usable, (10**9, item["architecture"])]
                    if w[1] == item["architecture"]
                )
                if ratio < 1.5:
                    yield f"{name} was not measured; nearest: {memory(where[0])}", where

    def waits(self, where: tuple[int, str]) -> Iterator[tuple[str, list[float]]]:
        data = self.measured[where]["data"]
        runs = [*zip(data["usable"], data["cold"], data["duration_ms"], data["init_duration_ms"], strict=True)]
        for kind in ("warm", "cold"):
            found = [ms + (init or 0) for ok, cold, ms, init in runs if ok and cold == (kind == "cold") and ms]
            if found:
                yield kind, found

    def init_row(self, m: Document) -> tuple[str, ...]:
        init = m["init_duration_ms"]
        return memory(m["memory_mb"]), m["architecture"], f"{m['cold_starts']:,}", time(init), times(init)

    def rounds(self) -> list[Document]:
        """Those that tried something, or tell what was expected to be lost."""
        return [found for found in self.document["search"] if found["trials"] or found["expected_regret"] is not None]

    def round_row(self, found: Document) -> tuple[str, ...]:
        trials = [f"{short(t)} × {t['environments'] * t['runs_per_environment']}" for t in found["trials"]]
        more = f" and {len(trials) - 12} more" if len(trials) > 12 else ""
        loss = found["expected_regret"]
        told = ", ".join(trials[:12]) + more or "nothing: the search ended"
        return f"{found['round'] + 1}", f"{found['invocations']:,}", NONE if loss is None else percent(loss), told

    def page_row(self, where: tuple[int, str]) -> tuple[str, ...]:
        duration, p95, cost, init = (self.figure(where, metric) for metric in METRICS)
        used = self.measured[where]["max_memory_used_mb"] if where in self.measured else None
        return (
            memory(where[0]),
            where[1],
            f"{time(duration)} {times(duration)}" if duration else NONE,
            time(p95),
            f"{self.million(cost)} {self.millions(cost)}" if cost else NONE,
            *([self.monthly(cost)] if self.month else []),
            time(init),
            memory(used) if used else NONE,
            f"{self.runs(where):,}" if self.runs(where) else NONE,
        )

    # Rows of the other forms

    def markdown_row(self, where: tuple[int, str]) -> tuple[str, ...]:
        duration, p95, cost, _ = (self.figure(where, metric) for metric in METRICS)
        return (
            memory(where[0]),
            where[1],
            f"{time(duration)} ({times(duration)})" if duration else NONE,
            time(p95),
            self.million(cost),
            *([self.monthly(cost)] if self.month else []),
            f"{self.runs(where):,}" if self.runs(where) else NONE,
        )

    def terminal_row(self, where: tuple[int, str]) -> tuple[str, ...]:
        duration, p95, cost, _ = (self.figure(where, metric) for metric in METRICS)
        ends = [times(duration)] if duration else []
        ends += [time(p95)] if self.document["request"]["constraints"]["max_p95_ms"] else []
        runs = f"{self.runs(where):,}" if self.runs(where) else NONE
        return memory(where[0]), where[1], time(duration), *ends, self.million(cost), runs

    def csv_row(self, where: tuple[int, str]) -> dict[str, str]:
        m = self.measured.get(where, {"outcomes": {}})
        row: dict[str, Any] = {"memory_mb": where[0], "architecture": where[1]}
        row |= {name: str(told).lower() for name, told in self.roles(where).items()}
        row |= {"candidate": str(where in self.points).lower(), "measured": str(self.runs(where) > 0).lower()}
        for metric in METRICS:
            interval = self.figure(where, metric) or {}
            row |= {f"{metric}_{end}": interval.get(end, "") for end in ("mean", "low", "high")}
        for name in ("runs", "environments", "cold_starts"):
            row[name] = m.get(name, 0)
        used = m.get("max_memory_used_mb")
        row |= {"max_memory_used_mb": "" if used is None else used, "reason": self.reasons.get(where, "")}
        kinds = {kind for each in self.document["measurements"] for kind in each["outcomes"]}
        row |= {kind: m["outcomes"].get(kind, 0) for kind in kinds}
        return {name: str(value) for name, value in row.items()}

    # Names of the marks of charts

    def marks(self) -> Iterator[str]:
        for where, point in self.points.items():
            both = f"{time(point['duration_ms'])}, {self.million(point['cost_usd'])} per million"
            yield f"{memory(where[0])} {where[1]}: {both}"
        for m in [*self.points.values(), *self.document["measurements"]]:
            for metric, one, ends in (("duration_ms", time, times), ("cost_usd", self.million, self.millions)):
                told = f"{short(m)}: {one(m[metric])} ({ends(m[metric])})"
                own = f"{told}, mean of its own {self.effort_at(m)}" if "data" in m else ""
                yield own or f"{told}, estimated, not measured"
            if m["init_duration_ms"] and "data" in m:
                init, starts = m["init_duration_ms"], plural(m["cold_starts"], "cold start")
                yield f"{short(m)}: init {time(init)} ({times(init)}), {starts}"
        for where, reason in self.reasons.items():
            yield f"{memory(where[0])} {where[1]}: {reason}"
        for name, kind, _, median, tail, _ in self.strips():
            yield f"{name}, {kind}, median: {median}"
            yield f"{name}, {kind}, 95th percentile: {tail}"
        for found in self.document["search"]:
            for t in found["trials"]:
                runs = plural(t["environments"] * t["runs_per_environment"], "run")
                yield f"round {found['round'] + 1}: {short(t)}, {runs}"
            if found["expected_regret"] is not None:
                yield f"after {plural(found['invocations'], 'invocation')}: {percent(found['expected_regret'])}"

    def effort_at(self, m: Document) -> str:
        return f"{self.own_runs(m)} in {plural(m['environments'], 'environment')}"

    def own_runs(self, m: Document) -> str:
        warm = dict(self.waits(key(m))).get("warm", [])
        cold = dict(self.waits(key(m))).get("cold", [])
        return plural(len(warm or cold), "warm run" if warm else "cold run")

    # Parts of sentences

    def sentences(self) -> list[str]:
        """Every part of a sentence that has a number, the longest first."""
        found = {
            *self.answer(), *self.change(), *self.zone(), *self.next_step(), *self.certainty(), *self.on_call(),
            *self.failures(), *self.method(), *self.bill(), *self.fixed(),
        }  # fmt: skip
        return sorted(found, key=len, reverse=True)

    def fixed(self) -> Iterator[str]:
        """Numbers that are words, of captions and labels."""
        yield from ("95% interval", "95th percentile", "Weight 0 is speed, 1 is cost", "p95 at most, ms", "| p95 |")
        yield from self.foreign(self.document)
        rest = len(self.configurations())
        rest -= min(16, sum(map(self.in_first_table, self.configurations())))
        yield f"<summary>{plural(rest, 'more configuration')}"

    def in_first_table(self, where: tuple[int, str]) -> bool:
        return bool(self.runs(where)) or self.roles(where)["recommended"] or self.roles(where)["current"]

    def foreign(self, value: Any) -> Iterator[str]:
        """Texts of the document itself: its warnings, reasons and names."""
        if isinstance(value, dict):
            for item in value.values():
                yield from self.foreign(item)
        elif isinstance(value, list):
            for item in value:
                yield from self.foreign(item)
        elif isinstance(value, str) and (len(value) > 6 or value.startswith(("x86", "arm"))):
            yield from (value, value.replace("T", " ").replace("Z", " UTC"))
            yield from (line for line in value.split("\n") if len(line) > 6)

    def answer(self) -> Iterator[str]:
        failed = [m for m in self.document["measurements"] if m["duration_ms"] is None]
        if not self.best:
            yield f"all {plural(len(failed), 'configuration')} failed"
            return
        best, million = on(self.best), self.million(self.best["cost_usd"])
        yield from (f"{best}: ", f"**{best}**: ", f"{best} · ", f"Keep {best}: ", f"**Keep {best}**: ")
        yield from (f"; {best} comes nearest", f". {best} comes nearest.")
        given = self.best["given_to_ties"] >= 0.001 and self.best["strategy"] != "balanced"
        goal, bounds = GOALS[self.best["strategy"]], self.bounds()
        choice = f"among the {goal} choices{bounds}," if given else f"the {goal} choice{bounds}{',' if bounds else ''}"
        yield f"{choice} at {time(self.best['duration_ms'])}"
        yield f"; {'among ' if given else ''}the {goal}{bounds}" if bounds else "¶"
        for what in ("works", "is left"):
            yield f"the only one that {what}, at {time(self.best['duration_ms'])}"
        saved = self.document["saving"] and self.document["saving"]["per_month_usd"]
        traffic = f"a month at {count(self.month)} invocations"
        proved = saved and saved["low"] > 0
        yield f"saves {money(saved['mean'], self.currency)} {traffic}" if proved else "¶"
        yield f"costs {self.monthly(self.best['cost_usd'])} {traffic}" if self.month and not proved else "¶"
        yield f"costs {million} per million invocations" if not self.month else "¶"
        bounds, p95 = self.document["request"]["constraints"], time(self.best["p95_ms"])
        if bounds["max_p95_ms"]:
            yield f"Nothing meets p95 ≤ {bounds['max_p95_ms']:g} ms; "
            yield f"{best} comes nearest, with a p95 of {p95}"
        yield from (self.strategies_head(), f"The stairs join the best trade-offs{self.bounds()}: ")
        for item in (self.best, *self.document["alternatives"]):
            duration, cost = time(item["duration_ms"]), self.million(item["cost_usd"])
            yield f"- `{item['strategy']}`: {on(item)}, {duration}, {cost} per million"

    def strategies_head(self) -> str:
        """What stands above the choices of all strategies, with the bounds of the question."""
        if self.best["unmet"]:
            return f"No configuration{self.bounds()}: what comes nearest under each strategy"
        return f"What each strategy recommends{self.bounds()}"

    def bounds(self) -> str:
        """The bounds of the question, after a blank; empty without one."""
        return f" with {joined(self.bounds_asked())}" if self.bounds_asked() else ""

    def bounds_asked(self) -> list[str]:
        asked = self.document["request"]["constraints"]
        told = [f"p95 of at most {asked['max_p95_ms']:g} ms"] if asked["max_p95_ms"] else []
        if cost := asked["max_cost_per_million_usd"]:
            told.append(f"cost of at most {currency_sign(self.currency)}{cost:g} per million")
        told += [f"memory of at least {memory(asked['min_memory_mb'])}"] if asked["min_memory_mb"] else []
        return told

    def change(self) -> Iterator[str]:
        """How cost and duration differ from now, each with its words."""
        saved = self.document["saving"] or {}
        for name, ratio in (("cost", saved.get("ratio")), ("speed", saved.get("duration_ratio"))):
            better, worse, what = WAYS[name]
            if ratio is None:
                continue
            low, mean, high = ratio["low"], ratio["mean"], ratio["high"]
            faster = name == "speed" and mean >= 0.5
            if low <= 0 <= high:
                yield f"({percent(-low)} {worse} to {percent(high)} {better})"
            elif faster:
                yield f"{1 / (1 - mean):.1f} times as fast ({1 / (1 - low):.1f} to {1 / (1 - high):.1f})"
            elif mean > 0:
                yield f"{percent(mean)} {better} ({percent_range(low, high)})"
            else:
                yield f"{percent(-mean)} {worse} ({percent_range(-high, -low)})"
            if mean <= -1:
                yield f"at {1 - mean:.1f} times the {what} ({1 - high:.1f} to {1 - low:.1f})"

    def zone(self) -> Iterator[str]:
        zone, bargain = self.document["plateau"], self.document["bargain"]
        if zone:
            low, high = memory(zone["low_mb"]), memory(zone["high_mb"])
            speed = significant(zone["duration_at_low_ms"] / zone["duration_at_high_ms"], 2)
            within = percent(self.document["request"]["tolerance"])
            yield f"{low.removesuffix(' MB')} to {high} cost the same within {within}"
            yield f"{high} is {speed} times as fast as {low}"
        if bargain:
            cost, duration = bargain["cost_ratio"], bargain["duration_ratio"]
            faster = f"{percent(cost - 1)} more buys {significant(1 / duration, 2)} times the speed"
            cheaper = f"{percent(duration - 1)} more time saves {percent(1 - cost)} of the cost"
            bounds = f",{self.bounds()}" if self.bounds() else ""
            yield f"{faster if cost > 1 else cheaper}: {on(bargain)}{bounds}."

    def next_step(self) -> Iterator[str]:
        tuning, where = self.document["tuning"], self.document["function"]["backend"]
        spent, free = money(tuning["cost_usd"], self.currency), f"nothing here, and {tuning['seconds']:.0f} s"
        yield f"cost about {spent if where == 'aws' else free}:"
        yield from objections(decision_evidence(self.document))  # type: ignore[arg-type]

    def certainty(self) -> Iterator[str]:
        measured = [m for m in self.document["measurements"] if m["runs"]]
        calls, cold = sum(m["runs"] for m in measured), sum(m["cold_starts"] for m in measured)
        kinds = f" ({cold:,} cold, {calls - cold:,} warm)" if 0 < cold < calls else ""
        things = "configuration" if len({m["architecture"] for m in measured}) > 1 else "size"
        throttled = sum(m["outcomes"]["throttled"] for m in self.document["measurements"])
        more = f"; {throttled:,} more were throttled" if throttled else ""
        yield f"{plural(calls, 'test call')}{kinds} at {plural(len(measured), things)}{more}."
        if not self.best:
            return
        away = percent(self.best["expected_regret"])
        best = f"the best possible{self.bounds()}"
        yield from (f"expected to cost {away} more than {best}", f"expected to take {away} longer than {best}")
        yield f"expected to be {away} from {best}"
        yield f"o other configuration{self.bounds()} "
        yield f"; {percent(self.best['given_to_ties']).removesuffix('%')} points of that"
        evidence = decision_evidence(self.document)  # type: ignore[arg-type]
        yield from (explain(doubt, evidence) for doubt in doubts(evidence))
        if self.now and key(self.now) in self.reasons:
            yield f"The configuration in use, {on(self.now)}, cannot be recommended: {self.reasons[key(self.now)]}."

    def on_call(self) -> Iterator[str]:
        if not self.best:
            return
        advice, timeout = self.document["timeout_advice"], self.document["function"]["timeout_s"]
        slowest = f", p99 {time(advice['p99_ms'])}" if advice else ""
        limit = seconds(timeout) if timeout else "not known"
        yield f"slow calls: p95 {time(self.best['p95_ms'])}{slowest} timeout {limit}"
        m = self.measured.get(key(self.best))
        if m:
            failed = sum(m["outcomes"][kind] for kind in ("error", "timeout", "out_of_memory"))
            share = percent(failed / m["runs"]) if failed else "none"
            yield f"errors: {share} {failed:,} of {plural(m['runs'], 'test call')}"
        used = m["max_memory_used_mb"] if m else max(m["max_memory_used_mb"] for m in self.measured.values())
        share = percent(1 - used / self.best["memory_mb"])
        yield f"memory used: {used:,} of {memory(self.best['memory_mb'])} {share} free"
        init = self.best["init_duration_ms"]
        yield f"extra wait on a cold start: {time(init)} {times(init)}"

    def failures(self) -> Iterator[str]:
        groups: dict[tuple[str, str], list[str]] = {}
        for where in self.configurations():
            if where in self.reasons:
                groups.setdefault((self.reasons[where], where[1]), []).append(f"{where[0]:,}")
        for (reason, architecture), sizes in groups.items():
            yield f"{joined(sizes)} MB on {architecture} {reason}"
            yield f"Left out {joined(sizes)} MB on {architecture}: {reason}"
        errors: dict[tuple[str, str], list[tuple[str, int]]] = {}
        for m in self.document["measurements"]:
            for error in m["errors"]:
                errors.setdefault((error["type"], error["message"]), []).append((short(m), error["count"]))
        for (kind, message), found in errors.items():
            places, total = [place for place, _ in found], sum(times for _, times in found)
            yield f"{kind} × {total:,} at {', '.join(places)}"
            all_of = f"{len(places)} of {len(self.measured)} configurations"
            happened = f"{joined(places) if len(places) <= 3 else all_of}, {plural(total, 'time')}"
            yield f"{happened}: {kind}: {message}"
            yield f"- {happened}: `{kind}: {message}`"

    def method(self) -> Iterator[str]:
        request, function, saved = self.document["request"], self.document["function"], self.document["saving"]
        yield f"Now: {on(self.now)}" if self.now else "¶"
        yield f"Timeout: {seconds(function['timeout_s'])}" if function["timeout_s"] else "¶"
        yield f"Version: {function['version']}"
        yield f"Sampler: {request['sampler']}, {request['runs']} runs each"
        yield f"Strategy: balanced, weight {request['balanced_weight'] or 0:g}"
        sizes = request["memory_sizes_mb"]
        span = plural(len(sizes), "size") if request["listed"] else "any size"
        architectures = joined(request["architectures"])
        yield f"Searched: {span} from {memory(sizes[0])} to {memory(sizes[-1])} on {architectures}"
        yield f"Tolerance: {percent(request['tolerance'] or 0)}"
        yield f"Constraints: {'; '.join(self.bounds_asked())}"
        yield f"Payloads: {request['payload']['count']}, SHA-256 {request['payload']['sha256']}"
        yield f"compared over {plural(saved['paired_environments'] or 0, 'pair')} of environments" if saved else "¶"
        yield "Code SHA-256: "

    def bill(self) -> Iterator[str]:
        prices, tuning = self.document["prices"], self.document["tuning"]
        cost, bill = money(tuning["cost_usd"], self.currency), tuning.get("bill")
        for architecture, price in prices["gb_second_usd"].items():
            yield f"GB-second, {architecture}: {price:.10f}".rstrip("0") + f" {self.currency}"
        yield f"Million requests: {money(prices['request_usd'] * 1e6, self.currency)}"
        yield f"Discount: {percent(prices['discount'])}"
        yield f"Invocations: {tuning['invocations']:,}"
        yield f"Billed: {number(tuning['billed_gb_seconds'])} GB-seconds"
        yield from (f"Cost of the invocations: {cost}", f"Would have cost in AWS: {cost}")
        yield f"Time: {seconds(tuning['seconds'])}"
        whole = ""
        if bill:
            yield f"Logs (estimate): {money(bill['logs_usd'])}"
            yield f"Whole bill: {money(bill['total_usd'])}"
            whole = f" ({money(bill['total_usd'])} with logs)"
        if self.document["function"]["backend"] != "aws":
            whole, cost = "", f"would have cost {cost} in AWS"
        yield f"<sub>{plural(tuning['invocations'], 'invocation')}, {cost}{whole}, {seconds(tuning['seconds'])}; prices"
        yield f"{self.document['tool']['version']}"
