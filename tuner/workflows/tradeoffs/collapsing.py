"""Replaces branches that run side by side by one function with all their trade-offs, where these can be listed.

The bounds on a maximum of branches are loose, those on one function are tight. Decides which maxima have few enough
trade-offs. Refuses to know deadlines and budgets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tuner.workflows.tradeoffs.bottom_up import PART, FrontSearch
from tuner.workflows.tradeoffs.forms import Form, Maximum, add, function_form, maximum, scale
from tuner.workflows.tradeoffs.fronts import Allocation, Choices, Front
from tuner.workflows.tradeoffs.places import SizingProblem, uses_of

MOST_OPTIONS = 2_000
"""Trade-offs of a part that becomes one function."""


@dataclass(frozen=True, slots=True, eq=False)
class Collapsed:
    """A problem with fewer functions.

    Attributes:
        problem: what is left.
        parts: the front behind each function that stands for a part.
    """

    problem: SizingProblem
    parts: Mapping[str, Front]

    def original(self, allocation: Allocation) -> Allocation:
        """The sizes of the functions themselves."""
        found: Allocation = {}
        left = [allocation]
        while left:
            for function, index in left.pop().items():
                if function in self.parts:
                    left.append(self.parts[function].recover(index))
                else:
                    found[function] = index
        return found

    def original_front(self, front: Front) -> Front:
        """A front that recovers the sizes of the functions themselves."""
        return Front(front.time_ms, front.cost_usd, lambda n: (self.original(front.recover(n)), ()), front.excess)


def collapsed(problem: SizingProblem) -> Collapsed:
    """The problem without the maxima whose trade-offs can be listed."""
    return _Collapsing(problem).collapsed()


class _Collapsing:
    def __init__(self, problem: SizingProblem) -> None:
        self._form = problem.form
        self._uses = uses_of(problem.form)
        self._invocations = dict(problem.invocations)
        self._options = dict(problem.options)
        self._parts: dict[str, Front] = {}
        self._known: dict[Maximum, Form] = {}

    def collapsed(self) -> Collapsed:
        """The problem without the maxima whose trade-offs can be listed."""
        form = self._smaller(self._form)
        return Collapsed(SizingProblem(form, self._invocations, self._options), self._parts)

    def _smaller(self, form: Form) -> Form:
        terms = (
            scale(self._replaced(term) if isinstance(term, Maximum) else function_form(term), weight)
            for term, weight in form.terms
        )
        return add([Form(form.constant_ms), *terms])

    def _replaced(self, whole: Maximum) -> Form:
        if whole not in self._known:
            smaller = maximum(self._smaller(branch) for branch in whole.branches)
            inside = smaller.functions
            alone = all(count == self._uses[name] for name, count in uses_of(smaller).items())
            flat = not any(isinstance(term, Maximum) for branch in _branches(smaller) for term, _ in branch.terms)
            self._known[whole] = self._as_function(smaller) if inside and alone and flat else smaller
        return self._known[whole]

    def _as_function(self, form: Form) -> Form:
        """A function with all trade-offs of a part; the part itself where they are too many."""
        costs = {name: self._invocations[name] for name in form.functions}
        search = FrontSearch(SizingProblem(form, costs, self._options), limits=PART)
        front = search.front()
        if search.excess or len(front) > MOST_OPTIONS:
            return form
        name = f"\n{len(self._parts)}"
        self._parts[name] = front
        self._options[name] = Choices(front.time_ms, front.cost_usd)
        self._uses[name], self._invocations[name] = 1, 1.0
        for function in form.functions:
            del self._options[function], self._invocations[function]
        return function_form(name)


def _branches(form: Form) -> list[Form]:
    return [branch for term, _ in form.terms if isinstance(term, Maximum) for branch in term.branches]
