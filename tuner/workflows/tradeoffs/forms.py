"""End-to-end time as a formula: a constant, weighted durations of functions, and maxima of such formulas.

Series, choices, items and retries are sums with weights; only branches side by side need a maximum.
Equal terms of the branches of a maximum are taken out, so that what follows a join is counted once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_DIGITS = 12
"""Weights are rounded to so many digits, so that chances that sum to 1 do so in floating point."""


@dataclass(frozen=True, slots=True)
class Maximum:
    """The largest of several times."""

    branches: tuple[Form, ...]


Term = str | Maximum


@dataclass(frozen=True, slots=True)
class Form:
    """constant_ms + sum of weight x term; a term is the duration of a function, or a maximum."""

    constant_ms: float = 0.0
    terms: tuple[tuple[Term, float], ...] = field(default=(), compare=False)
    content: frozenset[tuple[Term, float]] = frozenset()
    """The terms in no order: two forms are equal whatever order they were added up in."""
    functions: frozenset[str] = field(default=frozenset(), compare=False)


def function_form(function: str, weight: float = 1.0) -> Form:
    """The duration of a function."""
    return _form(0.0, {function: weight})


def add(forms: Iterable[Form]) -> Form:
    """One after the other."""
    forms = tuple(forms)
    weights: dict[Term, float] = {}
    for form in forms:
        for term, weight in form.terms:
            weights[term] = weights.get(term, 0.0) + weight
    return _form(sum(form.constant_ms for form in forms), weights)


def scale(form: Form, factor: float) -> Form:
    """So many times."""
    return _form(form.constant_ms * factor, {term: weight * factor for term, weight in form.terms})


def maximum(forms: Iterable[Form]) -> Form:
    """Side by side. What all branches contain is taken out of the maximum."""
    branches = tuple(dict.fromkeys(forms))
    if not branches:
        return Form()
    common = _common(branches)
    rest = tuple(dict.fromkeys(add((branch, scale(common, -1.0))) for branch in branches))
    return common if rest == (Form(),) else add((common, _form(0.0, {Maximum(rest): 1.0})))


def evaluate(form: Form, duration_ms: Mapping[str, float]) -> float:
    """The time that given durations come to, in ms."""
    total = form.constant_ms
    for term, weight in form.terms:
        if isinstance(term, Maximum):
            total += weight * max(evaluate(branch, duration_ms) for branch in term.branches)
        else:
            total += weight * duration_ms[term]
    return total


def evaluate_draws(form: Form, duration_ms: Mapping[str, Floats]) -> Floats:
    """The times that draws of durations come to, draw by draw; arrays of shape (W,)."""
    total = np.asarray(form.constant_ms, float)
    for term, weight in form.terms:
        if isinstance(term, Maximum):
            time = reduce(np.maximum, (evaluate_draws(branch, duration_ms) for branch in term.branches))
        else:
            time = duration_ms[term]
        total = total + weight * time
    return total


def _common(branches: tuple[Form, ...]) -> Form:
    """What every branch contains, with the smallest of its weights; the constant stays inside but for the least."""
    first, *others = (dict(branch.terms) for branch in branches)
    shared = {
        term: min([weight, *(other[term] for other in others)])
        for term, weight in first.items()
        if all(term in other for other in others)
    }
    return _form(min(branch.constant_ms for branch in branches), shared)


def _form(constant_ms: float, weights: Mapping[Term, float]) -> Form:
    rounded = {term: round(weight, _DIGITS) for term, weight in weights.items()}
    kept = {term: weight for term, weight in rounded.items() if weight}
    functions: set[str] = set()
    for term in kept:
        if isinstance(term, Maximum):
            functions.update(*(branch.functions for branch in term.branches))
        else:
            functions.add(term)
    terms = tuple(kept.items())
    return Form(round(constant_ms, _DIGITS), terms, frozenset(terms), frozenset(functions))
