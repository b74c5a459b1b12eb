"""What to paste: commands and template lines that apply a recommendation, and the command that repeats the run.

Text from the result enters a command only quoted for a shell, and templates not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from shlex import quote
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

from reports.words.bounds import searched_range
from reports.words.escape import visible
from reports.words.rows import Result
from tuner.documents.decision import backend_kind
from tuner.model import MAX_MEMORY_MB, MIN_MEMORY_MB
from tuner.payloads import Payloads
from tuner.question import PROCESSORS, FlagValue, invocation_flags, question_flags, raised_budget, search_flags
from tuner.redaction import HIDDEN
from tuner.vocabulary import BackendKind

if TYPE_CHECKING:
    from tuner.documents.result import RequestDocument


RESULT, FOLDER = "result.json", "FOLDER_OF_THIS_RESULT"
"""What commands call this result and its folder, where it is not known which they are."""
NEXT_LINE = " \\\n  "
"""What stands between options that have a line each."""
APPLY = f"tuner apply {RESULT} --dry-run\ntuner apply {RESULT}"
PAYLOAD = f"--payload {quote(HIDDEN)}"
"""Where the payload of a run goes that its result does not keep. The command refuses to take it for one."""
FILL_IN = f"Fill in what stands as {HIDDEN}: a result keeps no payload and no value of a variable."


class Snippet(NamedTuple):
    """A text to copy, and the name of the tool that it is for."""

    tool: str
    text: str


def snippets(result: Result) -> tuple[Snippet, ...]:
    """How to apply the recommendation, by tool; nothing without a recommendation."""
    recommended = result["recommendation"]
    if recommended is None or backend_kind(result) is BackendKind.SIMULATED:
        return ()
    memory_mb, architecture = recommended["memory_mb"], recommended["architecture"]
    in_aws = backend_kind(result) is BackendKind.AWS
    commands = (Snippet("tuner", _tuner(result)),) if in_aws else ()
    return (
        *commands,
        Snippet("AWS CLI", _aws_cli(result, memory_mb, architecture)),
        Snippet("SAM", _sam(memory_mb, architecture)),
        Snippet("Terraform", _terraform(memory_mb, architecture)),
        Snippet("CDK", _cdk(memory_mb, architecture)),
    )


def apply_commands(result: Result) -> str:
    """The commands that apply the recommendation, a line each; empty without a recommendation."""
    recommended = result["recommendation"]
    if recommended is None or backend_kind(result) is BackendKind.SIMULATED:
        return ""
    if backend_kind(result) is BackendKind.AWS:
        return APPLY
    return _aws_cli(result, recommended["memory_mb"], recommended["architecture"])


def placed(commands: str, file: str, given: str = "") -> str:
    """Commands that name this result by the file that it is in, with the payload that was given where it is known."""
    names = {RESULT: file, FOLDER: str(PurePath(file).parent)} if file else {}
    quoted = {name: quote(visible(place)) for name, place in names.items()}
    lines = (" ".join(quoted.get(word, word) for word in line.split(" ")) for line in commands.split("\n"))
    text = "\n".join(lines)
    return text.replace(PAYLOAD, f"--payload {quote(visible(given))}") if given else text


def again(result: Result, *, halve_tolerance: bool = False, same_sizes: bool = True) -> str:
    """The command that tunes the same target again, with half the tolerance where more certainty is wanted.

    It names sizes that were listed, unless others are wanted, and architectures beside the one in use.
    """
    request, current = result["request"], result["current"]
    chosen, in_use = request["architectures"], current and current["architecture"]
    parts = [_sizes_again(result) if same_sizes else ""]
    parts.append("--arch both" if len(chosen) > 1 else f"--arch {chosen[0]}" if in_use not in (None, *chosen) else "")
    parts += _question(request, tolerance=request["tolerance"] / 2 if halve_tolerance else None)
    return _tune(result, *parts)


def resume(result: Result) -> str:
    """The command that goes on with a run from the folder of this result, with more of the budget that ended it."""
    raised = raised_budget(result)
    return _tune(result, f"--resume {FOLDER}", *([_told(raised)] if raised else []))


def confirm(result: Result) -> str:
    """The command that holds a recommendation against the size in use and the measured sizes beside it, in AWS.

    A size just above an edge of the CPU quota here may lie below it there: only the sizes beside it show that.
    """
    recommended, current = result["recommendation"], result["current"]
    assert recommended is not None
    best = recommended["memory_mb"]
    measured = sorted({m["memory_mb"] for m in result["measurements"] if m["duration_ms"]} - {best})
    beside = [*[size for size in measured if size < best][-1:], *[size for size in measured if size > best][:1]]
    sizes = sorted({best, *beside, *([current["memory_mb"]] if current else [])})
    parts = [payload(result), f"--power-values {','.join(map(str, sizes))}", f"--arch {recommended['architecture']}"]
    # A processor on this machine is none in AWS: its name there is as unknown as that of the function.
    there = {name: flag.removeprefix("--").replace("-", "_").upper() for name, flag in PROCESSORS.items()}
    request = {**result["request"], **{name: there[name] for name in there if result["request"].get(name)}}
    parts += _question(request)
    return NEXT_LINE.join(["tuner tune FUNCTION", *filter(None, parts)])


def payload(result: Result) -> str:
    """The option that gives the payload of the run again, as far as the result knows it; empty: there was none."""
    told = result["request"]["payload"]
    if told is None:
        return PAYLOAD
    if address := told.get("s3"):
        return f"--payload-s3 {quote(visible(address))}"
    if file := told.get("file"):
        return f"--payload {quote(visible(f'@{file}'))}"
    return "" if told["sha256"] == Payloads.decode({}).digest() else PAYLOAD


def to_fill_in(command: str) -> str:
    """What is left to do before a command works; empty: nothing."""
    return FILL_IN if HIDDEN in command else ""


def _tune(result: Result, *options: str) -> str:
    """The command that tunes the target of a result again, an option on each line."""
    target, last = _target(result)
    parts = [f"tuner tune {target}".rstrip(), payload(result), *options, _region(result), last]
    return NEXT_LINE.join(filter(None, parts))


def _region(result: Result) -> str:
    """The option that names the region, whose prices decide. The ARN of a function in AWS has it."""
    region, named = result["function"]["region"], bool(result["function"]["arn"])
    if not region or named or backend_kind(result) is BackendKind.SIMULATED:
        return ""
    return f"--region {quote(visible(region))}"


def _target(result: Result) -> tuple[str, str]:
    """What names the function, as it was given where that is known, and what has to stand at the end of a command."""
    function, in_aws = result["function"], backend_kind(result) is BackendKind.AWS
    given = function["details"].get("arguments")
    if in_aws or not _are_words(given):
        return quote(visible(function["arn"] if in_aws and function["arn"] else function["name"])), ""
    words = [quote(visible(word)) for word in given]
    end = words.index("--") if "--" in words else len(words)
    return " ".join(words[:end]), " ".join(words[end:])


def _are_words(value: object) -> TypeGuard[list[str]]:
    """Whether a part of a result that has no schema is what is expected there."""
    return isinstance(value, list) and bool(value) and all(isinstance(word, str) for word in value)


def reproduce(result: Result) -> str:
    """The command that repeats the run; a payload that a result does not keep is left to fill in."""
    request = result["request"]
    parts = [f"--power-values {_sizes(request)}"]
    chosen = request["architectures"]
    parts.append(f"--arch {'both' if len(chosen) > 1 else chosen[0]}" if chosen else "")
    return _tune(result, *parts, *_question(request), *map(_told, search_flags(request)))


def _question(request: Mapping[str, Any], *, tolerance: float | None = None) -> list[str]:
    """The options that ask the same question in the same way, with another tolerance where one is given."""
    return [_told(each) for each in (*question_flags(request, tolerance=tolerance), *invocation_flags(request))]


def _told(option: FlagValue) -> str:
    return f"{option.flag} {quote(visible(option.value))}" if option.value else option.flag


def _sizes_again(result: Result) -> str:
    """The option that names the sizes that were listed, or the range that was asked for; empty: all were."""
    if result["request"]["listed"]:
        return f"--power-values {_sizes(result['request'])}"
    first, last = searched_range(result)
    return f"--power-values {first or MIN_MEMORY_MB}-{last or MAX_MEMORY_MB}" if first or last else ""


def _sizes(request: RequestDocument) -> str:
    sizes = sorted([*request["memory_sizes_mb"], *request.get("repeated_sizes_mb", [])])
    if request["listed"] or len(sizes) < 2:
        return ",".join(map(str, sizes)) or "all"
    return f"{sizes[0]}-{sizes[-1]}"


def _tuner(result: Result) -> str:
    region = result["function"]["region"]
    name = quote(visible(result["function"]["name"]))
    in_region, given = f"--region {quote(visible(region))}" if region else "", payload(result)
    parts = [f"tuner tune {name}", given, "--fail-above 10%", *_question(result["request"]), in_region]
    return (
        f"# look first, then do it\n{APPLY}\n# later: has it drifted? {to_fill_in(given)}".rstrip()
        + "\n"
        + NEXT_LINE.join(filter(None, parts))
    )


def _aws_cli(result: Result, memory_mb: int, architecture: str) -> str:
    function, current = result["function"], result["current"]
    in_aws = backend_kind(result) is BackendKind.AWS
    name = quote(visible(function["name"])) if in_aws else "FUNCTION_NAME"
    region = f" \\\n  --region {quote(visible(function['region']))}" if in_aws and function["region"] else ""
    lines = (
        f"aws lambda update-function-configuration \\\n  --function-name {name} \\\n  --memory-size {memory_mb}{region}"
    )
    open_question = (
        len(result["request"]["architectures"]) > 1 if current is None else current["architecture"] != architecture
    )
    if not open_question:
        return lines
    return (
        f"{lines}\n# the architecture comes with the code, built for {architecture}\n"
        f"aws lambda update-function-code \\\n  --function-name {name} \\\n"
        f"  --architectures {architecture} \\\n  --zip-file fileb://function.zip{region}"
    )


def _sam(memory_mb: int, architecture: str) -> str:
    return (
        "Resources:\n  MyFunction:\n    Type: AWS::Serverless::Function\n    Properties:\n"
        f"      MemorySize: {memory_mb}\n      Architectures: [{architecture}]"
    )


def _terraform(memory_mb: int, architecture: str) -> str:
    return (
        'resource "aws_lambda_function" "my_function" {\n'
        f'  memory_size   = {memory_mb}\n  architectures = ["{architecture}"]\n}}'
    )


def _cdk(memory_mb: int, architecture: str) -> str:
    name = {"arm64": "ARM_64", "x86_64": "X86_64"}[architecture]
    return (
        'new lambda.Function(this, "MyFunction", {\n'
        f"  memorySize: {memory_mb},\n  architecture: lambda.Architecture.{name},\n"
        "  // runtime, handler and code as before\n});"
    )
