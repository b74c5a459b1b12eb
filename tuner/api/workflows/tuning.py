"""Chooses the sizes of all functions of a workflow together: reads it, finds curves, plans, confirms, applies.

The one place where definition, executions, curves and plan meet. What touches AWS is reached through
`Connection`; a definition in a file and results on disk need no AWS at all.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.api.backends import Prices
from tuner.api.price_cache import current_prices
from tuner.api.records.run_folder import has_record
from tuner.api.workflows.files import is_of_aws, read_definition_file, read_json, read_results, read_undo
from tuner.api.workflows.logs import LogCurves, Logs, read_logs
from tuner.api.workflows.output_folder import EarlierRuns, OutputFolder
from tuner.api.workflows.result import Confirmation, WorkflowResult
from tuner.aws.api.connection import Connection
from tuner.documents.decision import decision_evidence
from tuner.documents.result import ResultDocument
from tuner.errors import Fault, InputError, TunerError
from tuner.model import Configuration, Notice
from tuner.pricing.price_list import DEFAULT_REGION, state_transition_usd
from tuner.search.decision import WeakEvidenceError, objections
from tuner.workflows.calibration import calibrated
from tuner.workflows.curves import FunctionCurve, curve_from_result
from tuner.workflows.definition import Reading, Source, nested_machines, read_definition, strangers
from tuner.workflows.document import plan_document
from tuner.workflows.figures import Figures
from tuner.workflows.flow import functions_of
from tuner.workflows.history import Observed, events_of, read_histories, redacted
from tuner.workflows.plan import Bound, Plan, plan_workflow

if TYPE_CHECKING:
    from tuner.aws.api.session import Clients
    from tuner.aws.workflows.reading import StateMachine

STANDARD = "STANDARD"
"""Type of state machines whose executions are recorded."""
FEW_EXECUTIONS = 5
"""Chances from fewer executions than this are said to be rough."""
MOST_PAYLOADS = 10
"""Distinct recorded payloads that a function is tuned with, the most frequent first."""

TuneFunction = Callable[[str, Sequence[Mapping[str, Any]], Path | None], ResultDocument]
"""Tunes a function with weighted payloads, and leaves its result in a folder."""


def tune_workflow(
    workflow: str | Path | Mapping[str, Any],
    *,
    deadline_ms: float | None = None,
    budget_per_million: float | None = None,
    percentile: float | None = 95.0,
    results: Sequence[Path | ResultDocument] = (),
    histories: Sequence[Path] = (),
    figures: Figures | None = None,
    nested: Mapping[str, Path] | None = None,
    executions: int = 20,
    logs: Logs | None = None,
    tune_missing: bool | TuneFunction = False,
    redact: bool = False,
    confirm: int = 0,
    apply: bool = False,
    force: bool = False,
    output: Path | None = None,
    resume: bool = False,
    earlier_kept: Callable[[Path], None] = lambda _: None,
    connection: Connection | None = None,
    prices: Prices = current_prices,
    stop: threading.Event | None = None,
    seed: int = 0,
) -> WorkflowResult:
    """The cheapest sizes within a deadline, or the fastest within a budget, for all functions of a workflow.

    Args:
        workflow: the ARN of a state machine, a file with its definition, or the definition.
        deadline_ms: end-to-end time at most.
        budget_per_million: USD for the functions in a million executions at most.
        percentile: of the end-to-end time; None: its mean.
        results: folders, files or documents; of several results for a function the newest counts.
        histories: files with the events of executions. Without them, recent executions are read in AWS.
        figures: chances, item counts and times by hand; they win.
        nested: definitions of state machines that the workflow runs, by ARN or name.
        executions: recent executions that are read in AWS.
        logs: where to read what is known of functions that have no result. None: nowhere.
        tune_missing: tune functions that have neither with the payloads that executions sent them, or what does so.
        redact: hide texts in payloads.
        confirm: executions to run with the chosen sizes on temporary copies; needs an ARN.
        apply: give every function its size.
        force: apply sizes even where the result of a function is weak evidence.
        output: a folder for `workflow.json`, `report.html`, the recorded payloads, the results of
            `tune_missing`, and `undo.json`. What an earlier call left there is moved to its folder `earlier` before
            it is replaced.
        resume: go on with what `tune_missing=True` measured into `output`, with the payloads that are there.
        earlier_kept: told of each folder in `earlier` to which something was moved.
        connection: region, profile and role for AWS.
        prices: the price list of a region.
        stop: set it to end what runs in order.
        seed: of the simulated executions.

    Raises:
        InputError: every fault of the definition and the figures, functions without a curve.
        WeakEvidenceError: sizes are to be applied that rest on results which do not support a change.
        TunerError: the work failed.
    """
    bound = Bound(deadline_ms, None if budget_per_million is None else budget_per_million / 1e6, percentile)
    inputs = _Inputs(results, histories, figures or Figures(), nested or {}, executions, logs or Logs())
    folder = OutputFolder(output, earlier_kept, resume=resume) if output else None
    job = _Job(inputs, connection or Connection(), stop or threading.Event(), prices, seed, folder)
    try:
        return job.run(workflow, bound, tune_missing, redact=redact, confirm=confirm, apply=apply, force=force)
    finally:
        job.close()


def undo(file: Path, connection: Connection) -> list[str]:
    """Give the functions the sizes that they had before `apply`.

    Args:
        file: the `undo.json` that `apply` left.
        connection: how to reach AWS.

    Returns:
        What was changed, in words.
    """
    from tuner.aws.api.client import LambdaApi
    from tuner.aws.api.session import connect
    from tuner.aws.workflows.applying import apply_sizes, changes

    region, sizes = read_undo(file)
    clients = connect(replace(connection, region=region))
    try:
        api = LambdaApi(clients.control)
        told = changes(api, sizes)
        apply_sizes(api, sizes)
        return told
    finally:
        clients.close()


@dataclass(frozen=True, slots=True)
class _Inputs:
    """Where figures and curves come from; see `tune_workflow`."""

    results: Sequence[Path | ResultDocument]
    histories: Sequence[Path]
    figures: Figures
    nested: Mapping[str, Path]
    executions: int
    logs: Logs


@dataclass(slots=True)
class _Job:
    """One run; opens AWS when it is first needed."""

    inputs: _Inputs
    connection: Connection
    stop: threading.Event
    prices: Prices
    seed: int
    folder: OutputFolder | None
    _clients: Clients | None = None

    def run(
        self,
        workflow: str | Path | Mapping[str, Any],
        bound: Bound,
        tune_missing: bool | TuneFunction,
        *,
        redact: bool,
        confirm: int,
        apply: bool,
        force: bool,
    ) -> WorkflowResult:
        machine = self._machine(workflow)
        observed = self._observed(machine)
        source = Source(_definition(workflow, machine), observed.figures.overridden_by(self.inputs.figures))
        nested = self._nested(source.definition, on_aws=machine is not None)
        reading = self._reading(source, nested)
        payloads = _payloads(observed, reading.functions, redact=redact)
        if self.folder:
            payloads |= self.folder.payloads_of_earlier_run(functions_of(reading.flow))
        known = read_results(self.inputs.results)
        predicted = self._predicted(reading, known)
        documents = self._documents(reading, known, predicted, payloads, tune_missing)
        if apply and not force:
            _require_evidence(documents, predicted)
        curves, region = self._curves(documents, predicted)
        figures, misfits = calibrated(source.figures, observed, _own(reading, source), curves)
        reading = read_definition(replace(source, figures=figures), nested)
        notices = [*reading.notices, *predicted.notices, *_estimates(documents), *misfits, *_rough(observed)]
        plan = plan_workflow(
            _name(workflow, machine),
            reading.flow,
            curves,
            bound,
            seed=self.seed,
            notices=notices,
            known={document["function"]["name"] for document in known.values()},
        )
        prices = self.prices(region)
        confirmation = self._confirm(machine, plan, reading, observed, confirm) if confirm else None
        if apply:
            _require_met(plan)
        document = plan_document(
            plan,
            currency=prices.currency,
            transition_usd=state_transition_usd(region),
            confirmation=None if confirmation is None else confirmation.document,
        )
        result = WorkflowResult(plan, document, payloads, confirmation)
        if self.folder:
            self.folder.save(result)
        return replace(result, undo=self._apply(plan, region)) if apply else result

    def close(self) -> None:
        """Close what was opened."""
        if self._clients is not None:
            self._clients.close()

    @property
    def clients(self) -> Clients:
        """AWS, connected at first use."""
        if self._clients is None:
            from tuner.aws.api.session import connect

            self._clients = connect(self.connection)
        return self._clients

    def _machine(self, workflow: str | Path | Mapping[str, Any]) -> StateMachine | None:
        """The state machine in AWS; None for a definition."""
        if not (isinstance(workflow, str) and workflow.startswith("arn:")):
            return None
        from tuner.aws.api.executions import region_of
        from tuner.aws.workflows.reading import StateMachines

        self.connection = replace(self.connection, region=region_of(workflow))
        return StateMachines(self.clients.states).describe(workflow)

    def _observed(self, machine: StateMachine | None) -> Observed:
        given = self.inputs.histories
        if given or machine is None or machine.type != STANDARD:
            return read_histories([events_of(read_json(file, "--history"), name=str(file)) for file in given])
        return self._recorded(machine)

    def _recorded(self, machine: StateMachine) -> Observed:
        from tuner.aws.workflows.reading import StateMachines

        found = StateMachines(self.clients.states).recorded(machine.arn, most=self.inputs.executions)
        return read_histories(found.executions, found.children)

    def _nested(self, definition: Mapping[str, Any], *, on_aws: bool) -> dict[str, Source]:
        """State machines that this one runs: those that were given, and those in AWS."""
        found = {
            name: Source(read_definition_file(file, "--nested"), self.inputs.figures, str(file))
            for name, file in self.inputs.nested.items()
        }
        waiting = list(nested_machines(definition))
        while on_aws and waiting:
            name = waiting.pop()
            if name in found or not name.startswith("arn:"):
                continue
            from tuner.aws.workflows.reading import StateMachines

            child = StateMachines(self.clients.states).describe(name)
            seen = self._recorded(child).figures if child.type == STANDARD else Figures()
            found[name] = Source(child.definition, seen.overridden_by(self.inputs.figures), child.name)
            waiting += nested_machines(child.definition)
        return found

    def _reading(self, source: Source, nested: Mapping[str, Source]) -> Reading:
        """The definition as a flow, when every figure by hand is of use."""
        strange = strangers(self.inputs.figures, [one.definition for one in (source, *nested.values())])
        try:
            reading = read_definition(source, nested)
        except InputError as exc:
            raise InputError([*exc.faults, *strange]) from exc
        if strange:
            raise InputError(strange)
        return reading

    def _predicted(self, reading: Reading, known: Mapping[str, ResultDocument]) -> LogCurves:
        """What logs tell of the functions that have no result."""
        logs, names = self.inputs.logs, functions_of(reading.flow)
        if strange := [name for name in logs.files if name not in names]:
            remedy = f"name one of {', '.join(names)}"
            raise InputError(Fault(f"--logs {name}", "the workflow has no such function", remedy) for name in strange)
        missing = [name for name in names if name not in known]
        return read_logs(logs, missing, self.connection, self.prices, seed=self.seed)

    def _documents(
        self,
        reading: Reading,
        known: Mapping[str, ResultDocument],
        predicted: LogCurves,
        payloads: Mapping[str, Sequence[Mapping[str, Any]]],
        tune_missing: bool | TuneFunction,
    ) -> dict[str, ResultDocument]:
        """The result of each function of the workflow that has one; what has no curve yet is tuned on request."""
        documents = dict(known)
        tune = self._tuned_in_aws() if tune_missing is True else tune_missing
        for name in functions_of(reading.flow):
            if tune and name not in documents and name not in predicted.curves:
                if not payloads.get(name):
                    problem = "has no recorded payload to tune it with"
                    raise InputError.single(f"function {name}", problem, "run the workflow once, or give its result")
                if self.folder:
                    self.folder.begin(payloads)
                documents[name] = tune(name, payloads[name], self.folder.of_function(name) if self.folder else None)
        return {name: documents[name] for name in functions_of(reading.flow) if name in documents}

    def _curves(
        self, documents: Mapping[str, ResultDocument], predicted: LogCurves
    ) -> tuple[dict[str, FunctionCurve], str]:
        """The curve of each function, and the region of the prices."""
        curves = {
            name: curve_from_result(document, seed=self.seed + n, name=name)
            for n, (name, document) in enumerate(documents.items())
        }
        regions = predicted.regions.union(document["prices"]["region"] for document in documents.values())
        if len(regions) > 1:
            problem = f"have prices of {' and '.join(sorted(regions))}"
            raise InputError.single("--results", problem, "give results of one region, and --region for logs")
        return {**predicted.curves, **curves}, next(iter(regions), DEFAULT_REGION)

    def _tuned_in_aws(self) -> TuneFunction:
        from tuner.api.tuning import tune

        def tune_one(function: str, payloads: Sequence[Mapping[str, Any]], folder: Path | None) -> ResultDocument:
            return tune(
                function,
                list(payloads),
                output=folder,
                resume=bool(folder and self.folder and self.folder.resume and has_record(folder)),
                connection=self.connection,
                prices=self.prices,
                stop=self.stop,
                observers=[EarlierRuns(self.folder.earlier_kept)] if self.folder else [],
                seed=self.seed,
            ).document

        return tune_one

    def _confirm(
        self, machine: StateMachine | None, plan: Plan, reading: Reading, observed: Observed, count: int
    ) -> Confirmation:
        if machine is None or not observed.inputs:
            problem = "needs a state machine in AWS that has run" if machine is None else "finds no recorded execution"
            raise InputError.single("--confirm", problem, "give its ARN, and run it once")
        from tuner.aws.workflows.confirming import TemporaryMachine, confirm
        from tuner.aws.workflows.copies import open_copy

        inputs = [observed.inputs[n % len(observed.inputs)] for n in range(count)]
        opener = open_copy(self.connection, self.prices, self.stop)
        temporary = TemporaryMachine(self.clients.states, machine)
        times = confirm(temporary, plan.chosen.configurations, reading.functions, inputs, opener, self.stop)
        if not times:
            raise TunerError("No execution was confirmed.", "Nothing was changed.")
        return Confirmation(tuple(times), plan.time.p50_ms)

    def _apply(self, plan: Plan, region: str) -> Mapping[str, Configuration]:
        """Give every function its size. Returns those that they had, which `undo.json` holds too.

        Args:
            plan: with the sizes.
            region: of the functions, where the connection names none.
        """
        from tuner.aws.api.client import LambdaApi
        from tuner.aws.workflows.applying import apply_sizes

        if self.connection.region is None:
            self.connection = replace(self.connection, region=region)
        before = apply_sizes(LambdaApi(self.clients.control), plan.chosen.configurations)
        if self.folder and before:
            self.folder.save_undo(self.clients.region, before)
        return before


def _require_met(plan: Plan) -> None:
    """Make sure that the sizes keep the bound.

    Raises:
        InputError: they do not.
    """
    if not plan.met:
        raise InputError.single(
            "--apply", "the bound is not met, so nothing is applied", "give a bound that can be met"
        )


def _require_evidence(documents: Mapping[str, ResultDocument], predicted: LogCurves) -> None:
    """Make sure that every function was measured, and that its result supports a change.

    A constraint of its own binds no workflow.

    Raises:
        WeakEvidenceError: names each function whose result does not, with the reasons.
    """
    weak: dict[str, Sequence[str]] = {name: ["its curve is predicted from its log"] for name in predicted.curves}
    for name, document in documents.items():
        estimated = [] if is_of_aws(document) else ["its curve was not measured in AWS"]
        if found := [*estimated, *objections(replace(decision_evidence(document), unmet=None))]:
            weak[name] = found
    if weak:
        told = "\n".join(f"{name}: {'; '.join(found)}" for name, found in weak.items())
        hint = "Tune these functions again, or apply all the same with --force."
        raise WeakEvidenceError(f"The sizes are not applied, because of the results they rest on.\n{told}", hint)


def _estimates(documents: Mapping[str, ResultDocument]) -> list[Notice]:
    """Which curves are estimates: those of handlers that were not measured in AWS."""
    return [
        Notice("curve_not_of_aws", f"{name}: its curve was not measured in AWS, but is that of {measured}.")
        for name, document in documents.items()
        if not is_of_aws(document)
        for measured in [document["function"]["name"]]
    ]


def _definition(workflow: str | Path | Mapping[str, Any], machine: StateMachine | None) -> Mapping[str, Any]:
    if machine is not None:
        return machine.definition
    if isinstance(workflow, Mapping):
        return workflow
    document: Mapping[str, Any] = read_definition_file(Path(workflow), "STATE_MACHINE")
    return document


def _own(reading: Reading, source: Source) -> dict[str, str]:
    """Functions of the machine's own states; those of nested machines have executions of their own."""
    return {state: function for state, function in reading.functions.items() if " / " not in state}


def _payloads(observed: Observed, functions: Mapping[str, str], *, redact: bool) -> dict[str, list[dict[str, Any]]]:
    """For each function its most frequent payloads with their weights, as `tune` takes them."""
    counts: dict[str, Counter[str]] = {}
    for state, payloads in observed.payloads.items():
        if state in functions:
            texts = (json.dumps(redacted(p) if redact else p, sort_keys=True) for p in payloads)
            counts.setdefault(functions[state], Counter()).update(texts)
    return {
        function: [{"payload": json.loads(text), "weight": n} for text, n in seen.most_common(MOST_PAYLOADS)]
        for function, seen in counts.items()
    }


def _rough(observed: Observed) -> list[Notice]:
    if 0 < observed.executions < FEW_EXECUTIONS:
        message = f"Chances, item counts and orchestration come from {observed.executions} executions, which is few."
        return [Notice("few_executions", message)]
    if observed.executions == 0:
        message = "Orchestration takes 15 ms a task and 8 ms between states: no execution was read."
        return [Notice("no_executions", message)]
    return []


def _name(workflow: str | Path | Mapping[str, Any], machine: StateMachine | None) -> str:
    if machine is not None:
        return machine.name
    return "workflow" if isinstance(workflow, Mapping) else Path(workflow).name.partition(".")[0]
