"""`tuner mcp` answers the official client over stdin and stdout."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.golden.situations import document_of
from tuner.documents.result import dumps

ROOT = Path(__file__).parents[3]
HANDLER = "def handler(event, context):\n    return event\n"
LOG = "".join(
    f"REPORT RequestId: {i:08d}-0000-0000-0000-000000000000\tDuration: {100 + i % 7}.50 ms\t"
    f"Billed Duration: {101 + i % 7} ms\tMemory Size: 1024 MB\tMax Memory Used: 90 MB\n"
    for i in range(200)
)


# The SDK takes a second to import: these tests do it, the collection of all tests does not.
async def answers(server: Any, calls: Mapping[str, dict[str, Any]]) -> tuple[Any, dict[str, Any]]:
    from mcp import Client

    async with Client(server, read_timeout_seconds=60) as client:
        tools = (await client.list_tools()).tools
        return tools, {name: await client.call_tool(name, arguments) for name, arguments in calls.items()}


def called(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns, from a loop in a thread of its own: another test may have left one running in this."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def text(answer: Any) -> str:
    return str(answer.content[0].text)


def test_the_client_lists_the_tools_gets_advice_and_a_plan(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(HANDLER)
    (tmp_path / "app.log").write_text(LOG)
    from mcp import StdioServerParameters

    server = StdioServerParameters(command=sys.executable, args=["-m", "tuner", "mcp"], env={"PYTHONPATH": str(ROOT)})
    calls = {
        "advise": {"function": "orders", "logs_file": str(tmp_path / "app.log")},
        "plan": {"target": f"{tmp_path}/app.py:handler", "power_values": [512, 1024]},
    }
    tools, found = called(answers(server, calls))
    assert [tool.name for tool in tools] == ["advise", "plan", "report", "compare", "explain", "tune"]
    assert [tool.name for tool in tools if not tool.annotations.read_only_hint] == ["tune"]
    assert json.loads(text(found["advise"]))["memory_mb"] == 1024
    assert "512" in text(found["plan"])
    assert not found["plan"].is_error


def test_results_are_reported_explained_and_compared_and_errors_name_the_remedy(tmp_path: Path) -> None:
    from tuner.cli.assistant import make_server

    result = tmp_path / "result.json"
    result.write_text(dumps(document_of("aws")), "utf-8")
    calls = {
        "report": {"result": str(result)},
        "explain": {"result": str(result)},
        "compare": {"baseline": str(result), "candidate": str(tmp_path / "none.json")},
        "tune": {"target": "f", "max_usd": 0, "max_invocations": 1, "output": str(tmp_path / "out")},
    }
    _, found = called(answers(make_server(), calls))
    assert "checkout-render" in text(found["report"])
    assert json.loads(text(found["explain"]))["recommendation"]["memory_mb"] > 0
    assert found["compare"].is_error
    assert "does not exist" in text(found["compare"])
    assert found["tune"].is_error, "no budget, no run"
    assert not (tmp_path / "out").exists()
