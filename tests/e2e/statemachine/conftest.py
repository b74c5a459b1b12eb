"""One build and one deployed stack for all tests of this folder, in a stand-in of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.fixtures import running
from tests.e2e.statemachine.stack import WATCHED, Stack, run_sam


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `sam build` makes."""
    folder = tmp_path_factory.mktemp("sam") / "build"
    run_sam("build", "--build-dir", str(folder))
    return folder


@pytest.fixture(scope="session")
def stack(build: Path) -> Iterator[Stack]:
    """The stack, deployed as narrowly as docs/deploy.md advises. Tests use functions of different names: `app-…`."""
    with running() as cloud:
        parameters = {
            "lambdaResource": f"arn:aws:lambda:{cloud.region}:{cloud.account}:function:app-*",
            "lambdaRole": cloud.role(),
            "watch": f"s3://{WATCHED.bucket}/{WATCHED.key}",
            "payloadS3Bucket": WATCHED.bucket,
            "payloadS3Key": WATCHED.key,
        }
        cloud.client("s3").create_bucket(Bucket=WATCHED.bucket)
        yield Stack.deploy(cloud, build, **parameters)
