"""The parts of a workflow's time as a tree, with the convex hull of the trade-off of each.

A hull is what no sizes of a part can beat. A function that is used at several places is free to have another size at
each of them, and its cost is divided among them. Refuses to know deadlines and budgets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tuner.workflows.tradeoffs.forms import Form, Maximum
from tuner.workflows.tradeoffs.fronts import Choices, Floats, Ints
from tuner.workflows.tradeoffs.hulls import Hull, hull_of_options, maximum_of_hulls, sum_of_hulls

Content = Form | Maximum | str
"""A sum, a maximum, or a use of a function."""


@dataclass(frozen=True, slots=True, eq=False)
class SizingProblem:
    """A workflow whose sizes are to be chosen.

    Attributes:
        form: the time of an execution.
        invocations: expected invocations of each function in an execution.
        options: of each function.
    """

    form: Form
    invocations: Mapping[str, float]
    options: Mapping[str, Choices]
    _hulls: dict[str, Hull] = field(default_factory=dict, init=False, repr=False)

    def hull(self, function: str) -> Hull:
        """Of a function's options, with their cost in an execution; found once."""
        if function not in self._hulls:
            self._hulls[function] = hull_of_options(self.options[function].time_ms, self.cost_usd(function))
        return self._hulls[function]

    def cost_usd(self, function: str) -> Floats:
        """Cost of each configuration in an execution, shape (G,)."""
        return self.invocations.get(function, 0.0) * self.options[function].cost_usd

    def restricted(self, kept: Mapping[str, Ints]) -> SizingProblem:
        """The problem with some of the sizes of each function."""
        options = {f: Choices(one.time_ms[kept[f]], one.cost_usd[kept[f]]) for f, one in self.options.items()}
        return replace(self, options=options)

    @property
    def idle(self) -> tuple[str, ...]:
        """Functions that no path waits for; they still cost."""
        return tuple(function for function in self.invocations if function not in self.form.functions)

    @property
    def idle_usd(self) -> float:
        """The least that idle functions cost."""
        return sum(float(self.cost_usd(function).min()) for function in self.idle)


@dataclass(frozen=True, slots=True, eq=False)
class FormPlace:
    """A part of the time of an execution.

    Attributes:
        content: what it is.
        weight: of its time in the sum around it.
        hull: no sizes beat it.
        shares: of the cost of each function that is used at several places, what is counted here; above 0.
        parts: what it consists of.
    """

    content: Content
    weight: float
    hull: Hull
    shares: Mapping[str, float] = field(default_factory=dict)
    parts: tuple[FormPlace, ...] = ()


class FormPlaces:
    """Builds the tree of a workflow."""

    def __init__(self, problem: SizingProblem) -> None:
        self._problem, self._form = problem, problem.form
        self._uses = uses_of(problem.form)

    def root(self, shares: Mapping[str, Sequence[float]]) -> FormPlace:
        """The whole workflow; each use of a shared function bears a share of its cost, an equal one if not given."""
        given = {f: iter(shares.get(f, [1 / count] * count)) for f, count in self._uses.items()}
        return self._place(self._form, 1.0, given)

    def _place(self, content: Content, weight: float, shares: Mapping[str, Iterator[float]]) -> FormPlace:
        if isinstance(content, str):
            return self._use(content, weight, next(shares[content]))
        parts = tuple(self._place(inner, w, shares) for inner, w in inner_of(content))
        hulls = [part.hull for part in parts]
        if isinstance(content, Maximum):
            hull = maximum_of_hulls(hulls)
        else:
            hull = sum_of_hulls(hulls, [part.weight for part in parts], content.constant_ms)
        return FormPlace(content, weight, hull, _added_up(part.shares for part in parts), parts)

    def _use(self, function: str, weight: float, share: float) -> FormPlace:
        hull = self._problem.hull(function)
        shares = {function: share} if self._uses[function] > 1 else {}
        return FormPlace(function, weight, Hull(hull.time_ms, hull.cost_usd * share), shares)


def _added_up(shares: Iterable[Mapping[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for one in shares:
        for function, share in one.items():
            total[function] = total.get(function, 0.0) + share
    return total


def inner_of(content: Form | Maximum) -> Sequence[tuple[Content, float]]:
    """What a sum or a maximum consists of, with its weights."""
    return content.terms if isinstance(content, Form) else [(branch, 1.0) for branch in content.branches]


def uses_of(content: Content) -> dict[str, int]:
    """How many places a function is used at."""
    if isinstance(content, str):
        return {content: 1}
    found: dict[str, int] = {}
    for inner, _ in inner_of(content):
        for function, count in uses_of(inner).items():
            found[function] = found.get(function, 0) + count
    return found
