"""Reads a definition in the Amazon States Language, JSONPath or JSONata, as a flow of steps.

What the definition leaves open is taken from figures. What is needed and in neither is a fault that says
what to give; what can be left out is a note that says what was assumed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import Enum, auto
from graphlib import CycleError, TopologicalSorter
from typing import Any

from tuner.errors import Fault, InputError
from tuner.model import Notice
from tuner.workflows.figures import Figures
from tuner.workflows.flow import Exit, Flow, Map, Parallel, Pause, Retry, Step, Task, Work
from tuner.workflows.grammar import grammar_faults, next_states

INLINE_CONCURRENCY = 40
"""Items that an inline Map runs at once at most (Step Functions quotas, 2026-11)."""
MOST_RETRIES = 20
"""Attempts after the first that are counted."""
LONGEST_PAUSE_S = 365 * 86_400.0
"""An execution lasts a year at most (Step Functions quotas, 2026-11)."""
_LAMBDA_ARN = re.compile(r"arn:[^:]+:lambda:[^:]*:[^:]*:function:(?P<name>[^:]+)(?::(?P<qualifier>[^:]+))?")
_REFERENCE = re.compile(r"(?:\d{12}:)?(?:function:)?(?P<name>[^:]+)(?::(?P<qualifier>[^:]+))?")
"""A name or a partial ARN, with or without a version or an alias."""
_INTEGRATION = re.compile(r"arn:[^:]+:states:[^:]*:[^:]*:(?P<call>[^.]+)(?P<pattern>\..*)?")
_PSEUDO_PARAMETER = re.compile(r"\$\{AWS::\w+\}")
_FUNCTION_OF_TEMPLATE = re.compile(r"\$\{[^}]+\}(?::[^:]+)?")
"""A placeholder of a template, with or without a version or an alias."""
_PLACEHOLDER = re.compile(r"\$\{(?P<name>[^}]+)\}")
_INVOKE = ("lambda:invoke", "aws-sdk:lambda:invoke")

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """A state machine: its definition and what is known of its executions.

    Attributes:
        definition: in the Amazon States Language.
        figures: what the definition leaves open.
        name: what messages call it.

    Raises:
        InputError: every fault of the definition's form.
    """

    definition: Document
    figures: Figures = field(default_factory=Figures)
    name: str = "$"

    def __post_init__(self) -> None:
        if faults := grammar_faults(self.definition, self.name):
            raise InputError(faults)


@dataclass(frozen=True, slots=True)
class Reading:
    """A definition that was read: its flow, the function of each Task state, and what had to be assumed."""

    flow: Flow
    functions: Mapping[str, str]
    notices: tuple[Notice, ...]


class TaskKind(Enum):
    """What a Task does."""

    FUNCTION = auto()
    NESTED = auto()
    SERVICE = auto()
    WAITS = auto()
    """Waits for an answer from outside: a task token, an activity, the end of a job."""


@dataclass(frozen=True, slots=True)
class TaskTarget:
    """What a Task calls.

    Attributes:
        kind: what it is.
        name: empty where it is only known when it runs.
        qualifier: the version or alias of a function; empty: $LATEST.
    """

    kind: TaskKind
    name: str
    qualifier: str = ""


def read_definition(source: Source, nested: Mapping[str, Source] | None = None) -> Reading:
    """The flow of a state machine.

    Args:
        source: its definition and figures.
        nested: state machines that it runs with `startExecution.sync`, by ARN or name.

    Raises:
        InputError: every fault at once: unknown states, loops, chances, item counts and times that are missing.
    """
    reader = _Reader(source, nested or {})
    flow = reader.flow_of(source.definition)
    if reader.faults or flow is None:
        raise InputError(reader.faults)
    return Reading(flow, reader.functions, tuple(dict.fromkeys(reader.notices)))


def task_target(state: Document) -> TaskTarget:
    """What a Task state calls."""
    resource = _without_pseudo_parameters(str(state.get("Resource", "")))
    arguments = state.get("Arguments") or state.get("Parameters") or {}
    arguments = arguments if isinstance(arguments, Mapping) else {}
    if _LAMBDA_ARN.fullmatch(resource) or _FUNCTION_OF_TEMPLATE.fullmatch(resource):
        return _function(resource)
    call = _INTEGRATION.fullmatch(resource)
    name = call["call"] if call else resource
    pattern = (call["pattern"] or "") if call else ""
    if pattern == ".waitForTaskToken" or name.startswith("activity:"):
        return TaskTarget(TaskKind.WAITS, name)
    if name in _INVOKE:
        return _function(arguments.get("FunctionName"), arguments.get("Qualifier"))
    if name == "states:startExecution" and pattern.startswith(".sync"):
        return TaskTarget(TaskKind.NESTED, _literal(arguments.get("StateMachineArn", "")))
    # A job that is waited for takes minutes; to count it as nothing would keep no deadline.
    return TaskTarget(TaskKind.WAITS if pattern.startswith(".sync") else TaskKind.SERVICE, name)


def function_name(reference: Any) -> str:
    """The name in a function's name, whole or partial ARN, or placeholder; empty for an expression."""
    return _function(reference).name


def _function(reference: Any, qualifier: Any = None) -> TaskTarget:
    text = _without_pseudo_parameters(_literal(reference))
    found = _LAMBDA_ARN.fullmatch(text) or _REFERENCE.fullmatch(text)
    if found is None:
        return TaskTarget(TaskKind.FUNCTION, "")
    served = found["qualifier"] or _literal(qualifier)
    return TaskTarget(TaskKind.FUNCTION, _literal(found["name"]), "" if served == "$LATEST" else served)


def nested_machines(definition: Document) -> tuple[str, ...]:
    """State machines that a definition runs and waits for."""
    targets = (task_target(state) for _, state in all_states(definition) if state.get("Type") == "Task")
    return tuple(dict.fromkeys(t.name for t in targets if t.kind is TaskKind.NESTED and t.name))


def all_states(definition: Document) -> Iterator[tuple[str, Document]]:
    """Every state at every depth, with its name."""
    states = definition.get("States")
    for name, state in (states if isinstance(states, Mapping) else {}).items():
        if isinstance(state, Mapping):
            yield name, state
            for inner in (*state.get("Branches", ()), state.get("ItemProcessor", state.get("Iterator", {}))):
                yield from all_states(inner)


def strangers(figures: Figures, definitions: Iterable[Document]) -> list[Fault]:
    """Figures by hand that no state uses: misspelt names, and states of another kind.

    Args:
        figures: given by hand.
        definitions: of the workflow, and of the state machines that it runs.
    """
    states: dict[str, list[Document]] = {}
    for definition in definitions:
        for name, state in all_states(definition):
            states.setdefault(name, []).append(state)
    given = [
        (figures.chances, "has one way only", lambda state: len(set(next_states(state))) + bool(state.get("End")) > 1),
        (figures.items, "is no Map, and has no items", lambda state: state["Type"] == "Map"),
        (figures.failures, "is never tried again: it has no Retry", lambda state: bool(state.get("Retry"))),
        (figures.durations_ms, "takes the time of what is inside it, or of its function", _has_time_of_its_own),
        (figures.overheads_ms, "", lambda _: True),
        (figures.functions, "is no Task, and invokes no function", lambda state: state["Type"] == "Task"),
    ]
    return [
        Fault(f"state {name}", problem if name in states else "is not in the workflow", _remedy(name, states))
        for names, problem, fits in given
        for name in names
        if not any(map(fits, states.get(name, ())))
    ]


def _has_time_of_its_own(state: Document) -> bool:
    if state["Type"] == "Task":
        return task_target(state).kind is not TaskKind.FUNCTION or _is_placeholder(state)
    return state["Type"] not in ("Parallel", "Map")


def _is_placeholder(state: Document) -> bool:
    """Whether a template fills in what a task calls: mostly a function, but maybe another service or an activity."""
    return _FUNCTION_OF_TEMPLATE.fullmatch(_without_pseudo_parameters(str(state.get("Resource", "")))) is not None


def _remedy(name: str, states: Mapping[str, Any]) -> str:
    near = get_close_matches(name, states, 1)
    return "leave its figure out" if name in states else f"did you mean {near[0]}?" if near else "correct its name"


class _Reader:
    """Reads states; faults and notices gather as it goes."""

    def __init__(self, source: Source, nested: Mapping[str, Source], above: tuple[Source, ...] = ()) -> None:
        self.figures, self._nested, self._above = source.figures, nested, (*above, source)
        self.faults: list[Fault] = []
        self.notices: list[Notice] = []
        self.functions: dict[str, str] = {}

    def flow_of(self, machine: Document) -> Flow | None:
        """The flow of a definition, a branch or a body; None when a fault was found."""
        states: Mapping[str, Document] = machine["States"]
        before = len(self.faults)
        ways = {name: self._ways(state) for name, state in states.items()}
        order = self._order(machine["StartAt"], ways)
        steps = [self._step(name, states[name], ways[name]) for name in order or ()]
        if len(self.faults) > before or order is None:
            return None
        return Flow(tuple(step for step in steps if step is not None))

    def _step(self, name: str, state: Document, targets: tuple[str | None, ...]) -> Step | None:
        work = self._work(name, state)
        exits = self._exits(name, state, targets)
        if work is None or exits is None:
            return None
        usual_ms = self.figures.task_or_default_ms if isinstance(work, Task) else 0.0
        overhead_ms = self.figures.transition_or_default_ms + self.figures.overheads_ms.get(name, usual_ms)
        return Step(name, work, exits, overhead_ms, self._retry(name, state))

    def _ways(self, state: Document) -> tuple[str | None, ...]:
        """States that may follow; None: the flow may end here."""
        ends = bool(state.get("End")) or state["Type"] in ("Succeed", "Fail")
        return tuple(dict.fromkeys([*([None] if ends else []), *next_states(state)]))

    def _order(self, start: str, ways: Mapping[str, tuple[str | None, ...]]) -> list[str] | None:
        """States that are reached, each before all that may follow it."""
        reached, waiting = {start}, [start]
        while waiting:
            for target in ways[waiting.pop()]:
                if target is not None and target not in reached:
                    reached.add(target)
                    waiting.append(target)
        following = {name: [t for t in ways[name] if t is not None] for name in ways if name in reached}
        try:
            return list(TopologicalSorter(following).static_order())[::-1]
        except CycleError as exc:
            loop = " → ".join(reversed(exc.args[1]))
            remedy = "move the loop into a state machine of its own and give the time of the state that runs it"
            self._fault(f"state {exc.args[1][-1]}", f"{loop} is a loop, and how often it runs is not known", remedy)
            return None

    def _exits(self, name: str, state: Document, targets: tuple[str | None, ...]) -> tuple[Exit, ...] | None:
        if len(targets) == 1:
            return (Exit(targets[0]),)
        known = self.figures.chances.get(name)
        if known is None and state.get("Type") != "Choice":
            self._note("errors_not_known", f"{name}: errors that it catches are taken never to happen.")
            usual = state.get("Next")
            return (Exit(usual),)
        if known is None:
            given = ",".join(f"{target}={1 / len(targets):.2g}" for target in targets)
            self._fault(f"state {name}", "how often it takes which way is not known", f'--chance "{name}:{given}"')
            return None
        strange = [target for target in known if (target or None) not in targets]
        if strange:
            problem = f"does not lead to {strange[0]}" if strange[0] else "does not end the workflow"
            given = ",".join(f"{target or ''}={1 / len(targets):.2g}" for target in targets)
            self._fault(f"state {name}", f"{problem}, as its chances say", f'--chance "{name}:{given}"')
            return None
        total = sum(known.values())
        return tuple(Exit(target or None, chance / total) for target, chance in known.items() if chance > 0)

    def _work(self, name: str, state: Document) -> Work | None:
        kind = state.get("Type")
        if kind == "Task":
            return self._task(name, state)
        if kind in ("Pass", "Choice", "Succeed", "Fail"):
            return Pause(self.figures.durations_ms.get(name, 0.0))
        if kind == "Wait":
            return self._wait(name, state)
        if kind == "Parallel":
            branches = [self.flow_of(branch) for branch in state["Branches"]]
            known = tuple(branch for branch in branches if branch is not None)
            return Parallel(known) if len(known) == len(branches) else None
        if kind == "Map":
            return self._map(name, state)
        remedy = "Task, Parallel, Map, Choice, Pass, Wait, Succeed and Fail are known"
        self._fault(f"state {name}", f"is of the unknown type {kind!r}", remedy)
        return None

    def _task(self, name: str, state: Document) -> Work | None:
        target = task_target(state)
        if _is_placeholder(state) and name in self.figures.durations_ms:
            return Pause(self.figures.durations_ms[name])
        if target.kind is TaskKind.FUNCTION:
            function = self.figures.functions.get(name) or target.name
            if not function:
                self._fault(f"state {name}", "names its function only when it runs", f'--function "{name}=FUNCTION"')
                return None
            self.functions[name] = function
            if target.qualifier:
                self._note("qualified", f"{name} invokes {function}:{target.qualifier}; --apply changes $LATEST alone.")
            return Task(function)
        source = self._source(target.name) if target.kind is TaskKind.NESTED else None
        if source is not None and not (source in self._above and name in self.figures.durations_ms):
            return self._nest(name, source)
        if name in self.figures.durations_ms:
            return Pause(self.figures.durations_ms[name])
        if target.kind is TaskKind.WAITS:
            self._fault(f"state {name}", "waits for an answer, and how long is not known", f'--duration "{name}=20s"')
            return None
        if target.kind is TaskKind.NESTED:
            machine = target.name or "ARN"
            remedy = f'--nested "{machine}=FILE", or --duration "{name}=2s"'
            self._fault(f"state {name}", f"runs the state machine {machine}, which is not known", remedy)
            return None
        self._note(
            "time_not_known",
            f'{name}: the time of {target.name} is not known and counts as 0; --duration "{name}=50ms".',
        )
        return Pause()

    def _source(self, machine: str) -> Source | None:
        return self._nested.get(machine) or self._nested.get(machine.rpartition(":")[2])

    def _nest(self, name: str, source: Source) -> Work | None:
        if source in self._above:
            remedy = f'give the time of all that it runs: --duration "{name}=2s"'
            self._fault(f"state {name}", "runs a state machine that it is part of", remedy)
            return None
        inner = _Reader(source, self._nested, self._above)
        flow = inner.flow_of(source.definition)
        self.faults += [Fault(f"{name} / {f.path}", f.problem, f.remedy) for f in inner.faults]
        self.notices += inner.notices
        self.functions |= {f"{name} / {state}": function for state, function in inner.functions.items()}
        return None if flow is None else Parallel((flow,))

    def _wait(self, name: str, state: Document) -> Work | None:
        if name in self.figures.durations_ms:
            return Pause(self.figures.durations_ms[name])
        seconds = state.get("Seconds")
        if isinstance(seconds, (int, float)):
            return Pause(1000.0 * seconds)
        self._fault(f"state {name}", "how long it waits is not known", f'--duration "{name}=10s"')
        return None

    def _map(self, name: str, state: Document) -> Work | None:
        processor = state.get("ItemProcessor", state.get("Iterator", {}))
        body = self.flow_of(processor)
        items = self.figures.items.get(name)
        literal = state.get("Items")
        if items is None and isinstance(literal, list):
            items = (len(literal),)
        if items is None:
            self._fault(f"state {name}", "how many items it has is not known", f'--items "{name}=10"')
        if body is None or items is None:
            return None
        distributed = processor.get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED"
        return Map(body, items, self._concurrency(name, state, distributed=distributed))

    def _concurrency(self, name: str, state: Document, *, distributed: bool) -> int | None:
        """Items that a Map runs at once; None: all of them."""
        given = state.get("MaxConcurrency", 0)
        if isinstance(given, str) or "MaxConcurrencyPath" in state:
            message = f"{name}: its concurrency is only known when it runs; as many items at once as AWS allows."
            self._note("concurrency_not_known", message)
            given = 0
        most = int(given) or None
        return most if distributed else min(most or INLINE_CONCURRENCY, INLINE_CONCURRENCY)

    def _retry(self, name: str, state: Document) -> Retry | None:
        retriers = state.get("Retry", ())
        if not retriers:
            return None
        chance = self.figures.failures.get(name)
        if chance is None:
            self._note("failures_not_known", f"{name}: retries are taken never to happen.")
        # An execution does not tell which retrier met an error: the one with the most attempts counts.
        return Retry(chance, max(map(_pauses_ms, retriers), key=len)) if chance else None

    def _fault(self, path: str, problem: str, remedy: str) -> None:
        self.faults.append(Fault(path, problem, remedy))

    def _note(self, code: str, message: str) -> None:
        self.notices.append(Notice(code, message))


def _pauses_ms(retrier: Document) -> tuple[float, ...]:
    """Pauses before the attempts after the first (Amazon States Language, "Retrying after an error")."""
    first, rate = float(retrier.get("IntervalSeconds", 1)), float(retrier.get("BackoffRate", 2.0))
    longest = float(retrier.get("MaxDelaySeconds", LONGEST_PAUSE_S))
    attempts = min(int(retrier.get("MaxAttempts", 3)), MOST_RETRIES)
    return tuple(1000 * min(first * rate**n, longest) for n in range(attempts))


def _without_pseudo_parameters(text: str) -> str:
    """With a value for the partition, the region and the account that a template leaves open."""
    return _PSEUDO_PARAMETER.sub("aws", text)


def _literal(value: Any) -> str:
    """A text that is not an expression; a placeholder of a template stands for the name in it."""
    text = value if isinstance(value, str) else ""
    if text.startswith("{%"):
        return ""
    found = _PLACEHOLDER.fullmatch(text)
    return found["name"] if found else text
