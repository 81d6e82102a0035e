"""`loopwright:monitoring:Monitor`: who watches, who is told, and what they see.

Children: the monitor pipeline; the topic that people subscribe to; the alarms; the dashboard. Costs: each alarm, the
dashboard and each of the loop's own metrics by the month, and the monitor's instance by the second.

Drift and quality alarms wake the controller; they never roll a deployment back, because they are in ALARM exactly when
the cure is rolled out. What rolls back is the latency, the errors and the impossible answers of the endpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_aws import cloudwatch, sagemaker, sns

from mlops import dashboard
from mlops.alarms import Alarm, alarms
from mlops.pipelines.compiled import monitor_definition
from mlops.policies import resources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.alarms import Limits
    from mlops.naming import Names
    from mlops.pipelines.compiled import Jobs
    from mlops.settings import StackSettings

__all__ = ["Monitor", "MonitorArgs"]

RUNBOOK = "docs/runbook.md"
"""Has a heading for each alarm; its anchor is the alarm's last word without points."""


@dataclass(frozen=True, kw_only=True)
class MonitorArgs:
    """Inputs of `Monitor`."""

    names: Names
    """The stack's names."""
    jobs: Jobs
    """What the monitor's job has in common with the training pipeline's."""
    pipeline_role_arn: pulumi.Input[str]
    """Role that starts the job."""
    places: Mapping[str, pulumi.Input[str]]
    """`s3://` prefixes that the monitor reads and writes, as `monitor_definition` takes them."""
    limits: Limits
    """What the contract calls too much."""
    feature_event: str
    """What marks the monitor's log lines about single features."""
    key_arn: pulumi.Input[str]
    """Key of the topic."""
    settings: StackSettings
    """Say which mail addresses are told, and where the repository is."""


class Monitor(pulumi.ComponentResource):
    """The monitor pipeline, the alarms and the dashboard."""

    pipeline_arn: pulumi.Output[str]
    """ARN of the monitor pipeline."""
    topic_arn: pulumi.Output[str]
    """Who is told of everything that needs a person."""
    dashboard_name: pulumi.Output[str]
    """Name of the dashboard."""
    alarm_names: dict[str, pulumi.Output[str]]
    """Names of the alarms by role."""

    def __init__(self, name: str, args: MonitorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("loopwright:monitoring:Monitor", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self.topic_arn = self._topic()
        self.pipeline_arn = self._pipeline()
        declared = alarms(args.names, args.limits)
        self.alarm_names = {alarm.role: self._alarm(alarm).name for alarm in declared}
        text = dashboard.body(
            args.names,
            feature_event=args.feature_event,
            monthly_usd=args.limits.monthly_usd,
            alarms=[args.names.alarm_arn(alarm.role) for alarm in declared],
        )
        board = cloudwatch.Dashboard(
            f"{name}-dashboard",
            dashboard_name=args.names.prefix,
            dashboard_body=pulumi.Output.json_dumps(text),
            opts=self._child,
        )
        self.dashboard_name = board.dashboard_name
        self.register_outputs(
            {
                "pipeline_arn": self.pipeline_arn,
                "topic_arn": self.topic_arn,
                "dashboard_name": self.dashboard_name,
                "alarm_names": self.alarm_names,
            }
        )

    def _topic(self) -> pulumi.Output[str]:
        names = self._args.names
        topic = sns.Topic(
            f"{self._name}-alerts", name=names.of("alerts"), kms_master_key_id=self._args.key_arn, opts=self._child
        )
        policy = sns.TopicPolicy(
            f"{self._name}-alerts-policy",
            arn=topic.arn,
            policy=pulumi.Output.json_dumps(resources.topic(names)),
            opts=self._child,
        )
        for number, address in enumerate(self._args.settings.notifications):
            sns.TopicSubscription(
                f"{self._name}-alerts-{number}", topic=topic.arn, protocol="email", endpoint=address, opts=self._child
            )
        # A budget tries the topic out when it is made, so it has to wait for the policy, too.
        return pulumi.Output.all(topic.arn, policy.id).apply(lambda known: str(known[0]))

    def _pipeline(self) -> pulumi.Output[str]:
        args = self._args
        pipeline = sagemaker.Pipeline(
            f"{self._name}-pipeline",
            pipeline_name=args.names.of("monitor"),
            pipeline_display_name=args.names.of("monitor"),
            pipeline_description="drift, data quality and model quality of what was served",
            role_arn=args.pipeline_role_arn,
            pipeline_definition=pulumi.Output.json_dumps(self._definition(), sort_keys=True),
            opts=self._child,
        )
        return pipeline.arn

    def _definition(self) -> dict[str, Any]:
        args = self._args
        return monitor_definition(
            args.jobs, places=args.places, namespace=args.names.namespace, endpoint=args.names.prefix
        )

    def _runbook(self) -> str:
        """Return where the page for people on call is read, as a link where that is known."""
        repository = self._args.settings.github
        return f"https://github.com/{repository}/blob/HEAD/{RUNBOOK}" if repository else RUNBOOK

    def _alarm(self, alarm: Alarm) -> cloudwatch.MetricAlarm:
        told: dict[str, Any] = {"alarm_actions": [self.topic_arn], "ok_actions": [self.topic_arn]}
        return cloudwatch.MetricAlarm(
            f"{self._name}-{alarm.role}",
            name=self._args.names.of(alarm.role),
            alarm_description=f"{alarm.description} {self._runbook()}#{alarm.role.replace('.', '')}",
            comparison_operator=alarm.comparison,
            threshold=alarm.threshold,
            evaluation_periods=alarm.periods,
            datapoints_to_alarm=alarm.datapoints,
            treat_missing_data=alarm.missing,
            **alarm.source(),
            **told,
            opts=self._child,
        )
