"""Reads what AWS Compute Optimizer advises for a function. That the account is not enrolled is a normal answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuner.aws.api.errors import AwsError
from tuner.aws.evidence.read_api import ReadApi
from tuner.evidence.known_function import OptimizerOpinion
from tuner.model import Interval

NOT_ENROLLED = "OptInRequiredException"


@dataclass(frozen=True, slots=True)
class OptimizerReader:
    """Reads opinions of Compute Optimizer.

    Attributes:
        api: Compute Optimizer.
    """

    api: ReadApi

    def read(self, function_arn: str) -> OptimizerOpinion | None:
        """Its opinion; None: it has none, or the account is not enrolled.

        Raises:
            AwsError: it cannot be read.
        """
        action = "read the recommendations of Compute Optimizer"
        try:
            reply = self.api.read(action, "get_lambda_function_recommendations", functionArns=[function_arn])
        except AwsError as exc:
            if exc.code == NOT_ENROLLED:
                return None
            raise
        found = reply.get("lambdaFunctionRecommendations") or ()
        return _opinion(found[0]) if found else None


def _opinion(raw: dict[str, Any]) -> OptimizerOpinion:
    options = sorted(raw.get("memorySizeRecommendationOptions") or (), key=lambda option: option.get("rank", 0))
    if not options:
        return OptimizerOpinion(str(raw.get("finding", "")))
    projected = {
        item["statistic"]: float(item["value"])
        for item in options[0].get("projectedUtilizationMetrics") or ()
        if item.get("name") == "Duration"
    }
    known = {"Expected", "LowerBound", "UpperBound"} <= projected.keys()
    duration = Interval(projected["Expected"], projected["LowerBound"], projected["UpperBound"]) if known else None
    return OptimizerOpinion(str(raw.get("finding", "")), int(options[0]["memorySize"]), duration)
