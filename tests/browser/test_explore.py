"""Exploring in the page follows the rules of the core: the script and the strategies agree."""

from __future__ import annotations

import json
import random
from typing import Any

from playwright.sync_api import Page, expect

from reports.words.numbers import configuration
from tests.browser.conftest import Opened
from tuner.model import Architecture, Configuration, Constraints, Interval, Objective, StrategyName
from tuner.search.recommendation import CandidateRow, choose

CHOOSE = """(text) => JSON.parse(text).map(({ rows, wish }) => choose(rows, wish))"""


def test_the_script_chooses_what_the_core_chooses(balanced: Opened) -> None:
    source = random.Random(20260914)
    cases = [random_case(source) for _ in range(2000)]
    told = balanced.page.evaluate(CHOOSE, json.dumps([as_wish(rows, objective) for rows, objective in cases]))
    wrong = [
        (rows, objective, answer)
        for (rows, objective), answer in zip(cases, told, strict=True)
        if answer != choose(rows, objective)
    ]
    assert wrong == []


def test_another_strategy_gives_its_own_recommendation(balanced: Opened) -> None:
    it = balanced
    for alternative in it.result["alternatives"]:
        it.page.locator(f'#explore input[value="{alternative["strategy"]}"]').check()
        expect(it.page.locator(".found strong")).to_have_text(configuration(alternative))
    it.page.get_by_role("button", name="Back to the result").click()


def test_weight_bounds_and_traffic_move_the_answer(balanced: Opened) -> None:
    it = balanced
    page, rows = it.page, curve_rows(it.result)
    answer = page.locator(".found strong")
    set_range(page, "weight", "0.9")
    expect(answer).to_have_text(told(rows, Objective(StrategyName.BALANCED, 0.9)))
    page.locator("[name=p95]").fill("900")
    bounded = Objective(StrategyName.BALANCED, 0.9, Constraints(max_p95_ms=900))
    expect(answer).to_have_text(told(rows, bounded))
    page.locator("[name=p95]").fill("1")
    expect(page.locator(".found em")).to_contain_text("No configuration meets the bounds")
    page.locator("[name=p95]").fill("")
    page.locator("[name=memory]").fill("4000")
    high = Objective(StrategyName.BALANCED, 0.9, Constraints(min_memory_mb=4000))
    expect(answer).to_have_text(told(rows, high))
    before = page.locator(".found").text_content()
    page.locator("[name=traffic]").fill("1500000")
    assert page.locator(".found").text_content() != before
    page.get_by_role("button", name="Back to the result").click()
    expect(answer).to_have_text(configuration(it.result["recommendation"]))


def test_a_ring_in_the_charts_shows_the_explored_choice(balanced: Opened) -> None:
    it = balanced
    ring = it.page.locator("#chart-memory svg .wish >> visible=true")
    expect(ring).to_have_count(0)
    it.page.locator('#explore input[value="cost"]').check()
    expect(ring).to_have_count(2)
    it.page.get_by_role("button", name="Back to the result").click()


def set_range(page: Page, name: str, value: str) -> None:
    """Move a slider."""
    page.locator(f"[name={name}]").evaluate(
        "(input, value) => { input.value = value; input.dispatchEvent(new Event('input', { bubbles: true })); }", value
    )


def told(rows: tuple[CandidateRow, ...], objective: Objective) -> str:
    """The core's choice in the words of the page."""
    chosen = rows[choose(rows, objective)].configuration
    return configuration({"memory_mb": chosen.memory_mb, "architecture": chosen.architecture.value})


def random_case(source: random.Random) -> tuple[tuple[CandidateRow, ...], Objective]:
    """Rows with many ties, and an objective whose bounds cut among them."""
    sizes = source.sample(range(128, 10_240, 64), source.randint(1, 8))
    rows = tuple(
        CandidateRow(
            Configuration(m, a),
            random_interval(source, 100),
            random_interval(source, 1e-6),
            random_interval(source, 150),
            source.random() < 0.5,
        )
        for m in sizes
        for a in Architecture
        if source.random() < 0.8
    )
    rows = rows or (CandidateRow(Configuration(128, Architecture.ARM64), *(Interval(1, 1, 1) for _ in range(3))),)
    return rows, random_objective(source, rows)


def random_interval(source: random.Random, unit: float) -> Interval:
    mean = unit * source.choice([1, 1.01, 1.02, 1.5, 2, source.uniform(0.5, 3)])
    return Interval(mean, mean * source.uniform(0.8, 1), mean * source.uniform(1, 1.3))


def random_objective(source: random.Random, rows: tuple[CandidateRow, ...]) -> Objective:
    row = source.choice(rows)
    bounds = Constraints(
        max_p95_ms=row.p95_ms.mean * source.choice([0.5, 1, 1.2]) if source.random() < 0.4 else None,
        max_cost_per_million_usd=row.cost_usd.mean * 1e6 if source.random() < 0.4 else None,
        min_memory_mb=row.configuration.memory_mb if source.random() < 0.3 else None,
    )
    weight = source.choice([0.0, 1.0, 0.5, source.random()])
    tolerance = source.choice([0.02, 0.01, source.uniform(0.001, 0.3)])
    return Objective(source.choice(list(StrategyName)), weight, bounds, tolerance)


def curve_rows(document: dict[str, Any]) -> tuple[CandidateRow, ...]:
    """The rows of a document as the core knows them."""
    return tuple(
        CandidateRow(
            Configuration(point["memory_mb"], Architecture(point["architecture"])),
            *(Interval(**point[name]) for name in ("duration_ms", "cost_usd", "p95_ms")),
            point["measured"],
        )
        for point in document["curve"]
    )


def as_wish(rows: tuple[CandidateRow, ...], objective: Objective) -> dict[str, Any]:
    """A case in the form that the script takes."""
    bounds = objective.constraints
    return {
        "rows": [
            {
                "memory": row.configuration.memory_mb,
                "architecture": row.configuration.architecture.value,
                "duration": {"mean": row.duration_ms.mean, "high": row.duration_ms.high},
                "cost": {"mean": row.cost_usd.mean},
                "p95": row.p95_ms.mean,
                "measured": row.measured,
            }
            for row in rows
        ],
        "wish": {
            "strategy": objective.strategy.value,
            "weight": objective.balanced_weight,
            "tolerance": objective.tolerance,
            "constraints": {
                "max_p95_ms": bounds.max_p95_ms,
                "max_cost_per_million_usd": bounds.max_cost_per_million_usd,
                "min_memory_mb": bounds.min_memory_mb,
            },
        },
    }
