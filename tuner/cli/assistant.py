"""The server for coding assistants: the public functions of the package as tools of the Model Context Protocol.

All tools but one read only. The one that measures wants a budget in every call.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from tuner import __version__
from tuner.errors import TunerError

P = ParamSpec("P")
Tool = Callable[P, str]

_INSTRUCTIONS = (
    "Right-sizes AWS Lambda functions. Begin with advise or plan: they invoke nothing. Ask the person before tune. "
    "Report intervals and confidence with every number."
)
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_ACTS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True)

Address = Annotated[str, Field(description="A result.json, the folder of a run, or an s3:// address.")]
Target = Annotated[str, Field(description="Function name or ARN in AWS, or FILE:HANDLER on this machine.")]
Payload = Annotated[Any, Field(description="What the function is invoked with: any JSON.")]
Sizes = Annotated[list[int] | None, Field(description="Memory sizes in MB. None: every size allowed.")]
Strategy = Annotated[str, Field(description="cost, speed or balanced.")]
Arch = Annotated[str, Field(description="current, x86_64, arm64 or both.")]


def make_server() -> MCPServer[Any]:
    """The server with its tools."""
    server: MCPServer[Any] = MCPServer("lambda-tuner", instructions=_INSTRUCTIONS, version=__version__)
    for tool in (advise, plan, report, compare, explain):
        server.add_tool(_told(tool), annotations=_READS, structured_output=False)
    server.add_tool(_told(tune), annotations=_ACTS, structured_output=False)
    return server


def _told(tool: Callable[P, str]) -> Callable[P, str]:
    """The tool, with the errors of the package as answers that name the remedy."""

    @wraps(tool)
    def answer(*arguments: P.args, **options: P.kwargs) -> str:
        try:
            return tool(*arguments, **options)
        except TunerError as error:
            raise ToolError("\n".join(filter(None, (error.message, error.hint)))) from error

    return answer


def advise(
    function: Annotated[str, Field(description="Name of the function.")],
    logs_file: Annotated[str, Field(description="File of exported logs with REPORT lines, in any form of AWS.")],
    arch: Annotated[str, Field(description="x86_64 or arm64: its architecture.")] = "x86_64",
    strategy: Strategy = "cost",
    region: str = "us-east-1",
) -> str:
    """Tell what exported logs of a function already show, as JSON: size, memory, timeout, cold starts, errors.

    Invokes nothing.
    """
    from tuner.api.advising import advise as advise_on

    found = advise_on(logs_file, function=function, arch=arch, strategy=strategy, region=region)
    return json.dumps(found.document(), indent=1)


def plan(
    target: Target,
    payload: Payload = None,
    power_values: Sizes = None,
    arch: Arch = "current",
    strategy: Strategy = "cost",
) -> str:
    """Tell what tuning a function would do, and what it would cost at most. Changes and invokes nothing."""
    from tuner.api.tuning import plan as plan_run

    return plan_run(target, **_options(payload, power_values, arch, strategy))


def report(result: Address) -> str:
    """Render the report of a result as Markdown."""
    from reports.markdown import render
    from tuner.api.result_store import load_result

    return render(load_result(result).document)


def compare(
    baseline: Address,
    candidate: Address,
    threshold: Annotated[float, Field(description="A change up to this fraction counts as the same.")] = 0.05,
) -> str:
    """Tell whether a candidate is worse than a baseline, with the proof. Reads both, and measures nothing."""
    from tuner.api.comparing.results import compare as compare_results

    return compare_results(baseline, candidate, threshold=threshold).to_markdown()


def explain(result: Address) -> str:
    """Tell why a result recommends what it does, as JSON: reason, confidence, saving, alternatives, warnings."""
    from tuner.api.result_store import load_result

    document = load_result(result).document
    parts = ("function", "recommendation", "confidence", "current", "saving", "alternatives", "stopped_by", "warnings")
    return json.dumps({part: document.get(part) for part in parts}, indent=1)


def tune(
    target: Target,
    max_usd: Annotated[float, Field(gt=0, description="Money that the runs may cost at most, in dollars.")],
    max_invocations: Annotated[int, Field(gt=0, description="Invocations at most.")],
    output: Annotated[str, Field(description="A new folder for samples, result and report.")],
    payload: Payload = None,
    power_values: Sizes = None,
    arch: Arch = "current",
    strategy: Strategy = "cost",
) -> str:
    """Measure a function within a budget, and return the report. It INVOKES the function: ask the person first."""
    from reports.markdown import render
    from tuner.api.tuning import tune as tune_function

    options = _options(payload, power_values, arch, strategy)
    result = tune_function(target, output=Path(output), max_usd=max_usd, max_invocations=max_invocations, **options)
    return render(result.document)


def _options(payload: Any, power_values: list[int] | None, arch: str, strategy: str) -> Any:
    given = {"payload": payload, "power_values": power_values}
    return {"arch": arch, "strategy": strategy} | {name: value for name, value in given.items() if value is not None}
