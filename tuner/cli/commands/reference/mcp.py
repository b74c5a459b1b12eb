"""`tuner mcp`: serves coding assistants over stdin and stdout."""

from __future__ import annotations

from typing import Any

from tuner.cli.flags import command as declare
from tuner.errors import TunerError
from tuner.shell_lines import with_command


@declare(
    epilog="""Example: tuner mcp

\b
Settings of a client:
  {"mcpServers": {"lambda-tuner":
    {"command": "tuner", "args": ["mcp"]}}}"""
)
def command(**_options: Any) -> None:
    """Serve coding assistants over the Model Context Protocol, on stdin and stdout.

    The tools advise, plan, report, compare and explain change nothing. The tool tune invokes the function, and wants a
    budget. Needs the extra: pip install 'lambda-tuner[mcp]'.
    """
    try:
        from tuner.cli.assistant import make_server
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] not in ("mcp", "pydantic"):
            raise
        raise TunerError(
            "The extra mcp is not installed.", with_command("Install it:", "pip install 'lambda-tuner[mcp]'")
        ) from exc
    make_server().run("stdio")
