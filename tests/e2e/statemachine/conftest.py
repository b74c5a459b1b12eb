"""One build and one deployed stack for all tests of this folder, in a stand-in of its own.

All of it ends with the folder's last test, while other processes have work: removing thousands of files takes a while.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.fixtures import Cloud, running
from tests.e2e.statemachine.stack import WATCHED, Stack, run_sam

CHANGES = ("create_seconds", "update_seconds", "publish_seconds")
"""Settings of how long a function stays busy after a change."""


@pytest.fixture(scope="package")
def build(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Path]:
    """What `sam build` makes. In a run by groups one process makes it: a second one tells that groups fall apart."""
    if pytestconfig.getoption("loadgroup", default=False):
        mark = tmp_path_factory.getbasetemp().parent / "stack-is-built"
        assert not mark.exists(), "another process has built the stack too: see pytest_xdist_make_scheduler"
        mark.touch()
    folder = tmp_path_factory.mktemp("sam") / "build"
    run_sam("build", "--build-dir", str(folder))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="package")
def account() -> Iterator[Cloud]:
    """The account into which the stack is deployed.

    Handlers look at once whether Lambda is done, and next after a quarter of a second: here it is done at once,
    but for tests that ask for `busy`.
    """
    with running(dict.fromkeys(CHANGES, 0.0)) as cloud:
        yield cloud


@pytest.fixture(scope="package")
def packaged(build: Path, account: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What `sam package` writes: the template that is deployed, with uploads in the account.

    The layers lack their two large packages: workers here cannot load them, and packing them takes 10 s of CPU.
    `test_build` holds the whole layers to their content, to their bounds, and to Lambda's.
    """
    folder = tmp_path_factory.mktemp("package")
    built, target = folder / "build", folder / "packaged.yaml"
    shutil.copytree(build, built, ignore=shutil.ignore_patterns("numpy", "scipy", "*.libs"), copy_function=os.link)
    account.client("s3").create_bucket(Bucket="packages")
    options = ["--s3-bucket", "packages", "--output-template-file", str(target)]
    run_sam("package", "--template-file", str(built / "template.yaml"), *options, environment=account.environment())
    yield target
    shutil.rmtree(folder)


@pytest.fixture(scope="package")
def stack(packaged: Path, account: Cloud) -> Stack:
    """The stack, deployed as narrowly as docs/deploy.md advises. Tests use functions of different names: `app-…`."""
    parameters = {
        "lambdaResource": f"arn:aws:lambda:{account.region}:{account.account}:function:app-*",
        "lambdaRole": account.role(),
        "watch": f"s3://{WATCHED.bucket}/{WATCHED.key}",
        "payloadS3Bucket": WATCHED.bucket,
        "payloadS3Key": WATCHED.key,
    }
    account.client("s3").create_bucket(Bucket=WATCHED.bucket)
    return Stack.deploy(account, packaged, **parameters)


@pytest.fixture
def busy(stack: Stack) -> Iterator[None]:
    """Functions stay busy for a while after each change, as in AWS."""
    stack.cloud.settings(**dict.fromkeys(CHANGES, 0.05))
    yield
    stack.cloud.settings(**dict.fromkeys(CHANGES, 0.0))
