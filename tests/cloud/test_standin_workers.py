"""Functions really run: code from the zip, layers, the function's own calls, failures as Lambda reports them."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.cloud.fixtures import Cloud
from tests.cloud.zips import zipped

ECHO = {"app.py": "def handler(event, context):\n    print('hello')\n    return {'got': event}\n"}
CALLER = {
    "app.py": "import boto3\n"
    "def handler(event, context):\n"
    "    return boto3.client('lambda').get_function_configuration(FunctionName='g')['MemorySize']\n"
}


def invoke(cloud: Cloud, name: str, event: Any = None) -> tuple[Any, str, str | None]:
    """Result, log and FunctionError of an invocation."""
    answer = cloud.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event or {}), LogType="Tail")
    log = base64.b64decode(answer["LogResult"]).decode()
    return json.loads(answer["Payload"].read()), log, answer.get("FunctionError")


def test_the_code_of_the_zip_runs_in_a_process_and_its_log_is_kept(cloud: Cloud) -> None:
    cloud.create_function("g", ECHO, "app.handler", memory_mb=1769)
    result, log, error = invoke(cloud, "g", {"n": 1})
    assert (result, error) == ({"got": {"n": 1}}, None)
    lines = log.splitlines()
    assert [line.split()[0] for line in lines] == ["START", "hello", "END", "REPORT"]
    assert "Init Duration" in lines[-1]
    _, log, _ = invoke(cloud, "g")
    assert "Init Duration" not in log


def test_an_error_a_timeout_and_a_lack_of_memory_are_reported_as_lambda_does(cloud: Cloud) -> None:
    cloud.create_function("raises", {"app.py": "def handler(e, c): raise KeyError('no')\n"}, "app.handler")
    assert invoke(cloud, "raises")[0]["errorType"] == "KeyError"
    cloud.create_function(
        "slow", {"app.py": "import time\ndef handler(e, c): time.sleep(9)\n"}, "app.handler", timeout_s=1
    )
    result, log, error = invoke(cloud, "slow")
    assert (result["errorType"], error) == ("Sandbox.Timedout", "Unhandled")
    assert "Status: timeout" in log
    greedy = "import time\ndef handler(e, c):\n    x = bytearray(300 * 1024 * 1024)\n    time.sleep(5)\n"
    cloud.create_function("greedy", {"app.py": greedy}, "app.handler", memory_mb=128)
    result, log, _ = invoke(cloud, "greedy")
    assert result["errorType"] == "Runtime.OutOfMemory"
    assert "Status: error\tError Type: Runtime.OutOfMemory" in log


def test_a_functions_own_calls_reach_the_stand_in_and_are_known_as_its_roles(cloud: Cloud) -> None:
    cloud.create_function("g", CALLER, "app.handler", memory_mb=1769)
    assert invoke(cloud, "g")[0] == 1769
    (entry,) = cloud.calls(caller="function")
    assert entry["operation"] == "GetFunctionConfiguration"
    assert entry["principal"] == f"arn:aws:sts::{cloud.account}:assumed-role/lambda-role/g"


def test_a_layer_is_on_the_path_unless_it_is_left_out(cloud: Cloud) -> None:
    layer = cloud.client("lambda").publish_layer_version(
        LayerName="shared", Content={"ZipFile": zipped({"python/shared.py": "value = 42\n"})}
    )
    source = {"app.py": "def handler(e, c):\n    import shared\n    return shared.value\n"}
    cloud.create_function("g", source, "app.handler", memory_mb=1769, Layers=[layer["LayerVersionArn"]])
    assert invoke(cloud, "g")[2] == "Unhandled"
    cloud.settings(skip_layers=[])
    assert invoke(cloud, "g")[0] == 42
