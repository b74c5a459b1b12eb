"""Where moto differs from AWS in a way that would hide a fault of ours: one function each, all applied at the start."""

from __future__ import annotations

from tests.cloud.lambda_service.service import LambdaService


def install(lambdas: LambdaService) -> None:
    """Prepare moto before its first use; its services are patched when they are first needed."""
    from moto.core.config import default_user_config

    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    default_user_config["iam"] = {"load_aws_managed_policies": False}


def reset() -> None:
    """Forget all of moto's resources."""
    from moto.core.base_backend import BackendDict

    BackendDict.reset()
