"""The instances behind a configuration, as far as an endpoint tells of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from loopwright.rehearsal.aws.requests import given

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from loopwright.rehearsal.aws.requests import Answer

__all__ = ["Fleet"]


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """One variant's instances; a serverless variant has none."""

    config: str
    variant: str
    instances: int
    weight: float
    capture: Mapping[str, Any] | None
    serverless: Mapping[str, Any] | None
    guarded: bool
    """Whether deployment guardrails and their events exist for it."""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """Return what a configuration asks for.

        There are no guardrails for serverless endpoints, which are neither real-time nor asynchronous ("Deployment
        guardrails for updating models in production"), and none on Inf1 instances ("Exclusions").
        """
        (variant,) = config["ProductionVariants"]
        serverless = variant.get("ServerlessConfig")
        inf1 = variant.get("InstanceType", "").startswith("ml.inf1.")
        return cls(
            config=config["EndpointConfigName"],
            variant=variant["VariantName"],
            instances=variant.get("InitialInstanceCount", 0),
            weight=float(variant.get("InitialVariantWeight", 1.0)),
            capture=config.get("DataCaptureConfig"),
            serverless=serverless,
            guarded=serverless is None and not inf1,
        )

    def retaining(self, old: Fleet, excluded: Collection[str]) -> Fleet:
        """Return it with the old fleet's properties but the excluded ones ("UpdateEndpoint").

        Args:
            old: What serves.
            excluded: Of DesiredInstanceCount, DesiredWeight and DataCaptureConfig.
        """
        kept = {"DesiredInstanceCount": "instances", "DesiredWeight": "weight", "DataCaptureConfig": "capture"}
        names = [field for name, field in kept.items() if name not in excluded]
        return replace(self, **{name: getattr(old, name) for name in names})

    def capacity(self, share: float) -> str:
        """Return in the words of the events what takes a share of the traffic."""
        if share == 1:
            return f"full capacity of {self.instances} instance(s)"
        return f"canary capacity of {math.ceil(round(share * self.instances, 9))} instance(s)"

    def described(self) -> Answer:
        """Return the variant as it is."""
        if self.serverless is not None:
            weights = {"CurrentWeight": self.weight, "DesiredWeight": self.weight}
            return {"VariantName": self.variant, **weights, "CurrentServerlessConfig": self.serverless}
        return {
            "VariantName": self.variant,
            "CurrentWeight": self.weight,
            "DesiredWeight": self.weight,
            "CurrentInstanceCount": self.instances,
            "DesiredInstanceCount": self.instances,
        }

    def captured(self) -> Answer | None:
        """Return what of the data is captured, as an endpoint describes it."""
        if self.capture is None:
            return None
        started = self.capture.get("EnableCapture", False)
        return given(
            EnableCapture=started,
            CaptureStatus="Started" if started else "Stopped",
            CurrentSamplingPercentage=self.capture["InitialSamplingPercentage"],
            DestinationS3Uri=self.capture["DestinationS3Uri"],
            KmsKeyId=self.capture.get("KmsKeyId", ""),
        )
