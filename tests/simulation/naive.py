"""The loop as event rules make it: each message is an order, and nothing is looked at before it is carried out.

It stands for what the published solutions do (a rule from alarm to pipeline, and one from approval to deployment that
replaces the configuration as an infrastructure tool would). It is here to show that the invariants can break.
"""

from __future__ import annotations

import uuid

import worlds
from handlers import aws
from strict_client import Crash
from wakeups import IMAGE


class Naive:
    """A retraining for each alarm, a deployment for each approval."""

    def wake(self, account, event):
        """Carry an event out, as often as it comes; try it once more where that fails."""
        account.wakes += 1
        account.later(seconds=1)
        account.wake = worlds.Wake(event.to, f"wake-{account.wakes}", event.detail.get("reason", ""))
        try:
            self.obey(account, event.detail)
        except (Crash, *aws.FAULTS):
            if not event.retry_of:
                account.events.append(worlds.Event(event.to, event.detail, retry_of=account.wake.request_id))
        account.outage = False

    def obey(self, account, detail):
        """Do what an event says."""
        fired = detail.get("alarm") in {worlds.ALARMS["drift"], worlds.ALARMS["quality"]}
        if (fired and detail["state"] == "ALARM") or detail.get("reason") == "manual":
            self.retrain(account)
        if detail.get("approval") == "Approved":
            self.deploy(account, detail["version"])

    def retrain(self, account):
        """Start the pipeline."""
        account.client("sagemaker").start_pipeline_execution(
            PipelineName="churn-dev-training", ClientRequestToken=uuid.uuid4().hex * 2
        )

    def deploy(self, account, version):
        """Make a model and a configuration, move the endpoint to them, and delete what they replace."""
        sagemaker, name = account.client("sagemaker"), f"churn-dev-v{version}-{account.wakes:08x}"
        before = sagemaker.describe_endpoint(EndpointName="churn-dev")["EndpointConfigName"]
        base = sagemaker.describe_endpoint_config(EndpointConfigName=before)["ProductionVariants"][0]
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://artifacts/models/{version}/model.tar.gz"}
        sagemaker.create_model(ModelName=name, PrimaryContainer=container, Tags=[])
        variants = [{**base, "ModelName": name}]
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants, Tags=[])
        sagemaker.update_endpoint(EndpointName="churn-dev", EndpointConfigName=name)
        if before != worlds.DEPLOYER["BASE_CONFIG"]:
            sagemaker.delete_endpoint_config(EndpointConfigName=before)
