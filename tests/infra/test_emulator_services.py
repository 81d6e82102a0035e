"""What the emulator adds to moto, service by service: read back as asked for, and refused as AWS does."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from emulator.testing import ACCOUNT, REGION, document, refused

pytest_plugins = ["emulator.fixtures"]

TAGS = [{"Key": "Owner", "Value": "us"}]


def without(answer: dict, *names: str) -> dict:
    return {key: value for key, value in answer.items() if key not in (*names, "ResponseMetadata")}


ALARM = {
    "AlarmName": "a",
    "MetricName": "m",
    "Namespace": "n",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 3,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


class TestCloudWatch:
    def test_an_alarm_begins_without_data_and_keeps_its_state(self, aws):
        client = aws("cloudwatch")
        client.put_metric_alarm(**ALARM, TreatMissingData="breaching")
        (told,) = client.describe_alarms()["MetricAlarms"]
        assert (told["StateValue"], told["TreatMissingData"]) == ("INSUFFICIENT_DATA", "breaching")
        client.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="test")
        client.put_metric_alarm(**ALARM | {"Threshold": 2.0})
        (told,) = client.describe_alarms()["MetricAlarms"]
        assert (told["StateValue"], told["Threshold"]) == ("ALARM", 2.0)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"Threshold": float("nan")}, "not a number"),
            ({"ComparisonOperator": "Greater"}, "none of"),
            ({"Period": 45}, "multiple of 60"),
            ({"Period": 3600, "EvaluationPeriods": 200}, "a week"),
            ({"DatapointsToAlarm": 4}, "EvaluationPeriods"),
            ({"ExtendedStatistic": "p99"}, "either a Statistic"),
            ({"Metrics": [{"Id": "x", "Expression": "1"}]}, "either a MetricName"),
        ],
    )
    def test_an_alarm_that_would_not_work_is_refused(self, aws, change, words):
        refused(lambda: aws("cloudwatch").put_metric_alarm(**ALARM | change), words)

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_data_are_numbers(self, aws, value):
        data = [{"MetricName": "m", "Value": value}]
        refused(lambda: aws("cloudwatch").put_metric_data(Namespace="n", MetricData=data), "not a number")

    def test_a_composite_alarm_is_read_back(self, aws):
        client = aws("cloudwatch")
        client.put_metric_alarm(**ALARM)
        rule = 'ALARM("a") AND NOT (OK(a) OR INSUFFICIENT_DATA("a") OR FALSE)'
        client.put_composite_alarm(AlarmName="c", AlarmRule=rule)
        (told,) = client.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
        assert (told["AlarmRule"], told["StateValue"]) == (rule, "INSUFFICIENT_DATA")

    @pytest.mark.parametrize(
        "rule", ['ALARM("b")', 'ALARM("a") AND', 'ALARM("a") OK("a")', "(TRUE", "a", 'OK("a") XOR TRUE']
    )
    def test_a_rule_must_be_a_sentence_over_alarms(self, aws, rule):
        aws("cloudwatch").put_metric_alarm(**ALARM)
        refused(lambda: aws("cloudwatch").put_composite_alarm(AlarmName="c", AlarmRule=rule))

    def test_a_dashboard_is_read_back(self, aws):
        shown = {"metrics": [["n", "m", "D", "d", {"stat": "Sum"}], [{"expression": "1"}]], "region": REGION}
        body = json.dumps({"widgets": [{"type": "metric", "x": 12, "width": 12, "properties": shown}]})
        aws("cloudwatch").put_dashboard(DashboardName="d", DashboardBody=body)
        assert aws("cloudwatch").get_dashboard(DashboardName="d")["DashboardBody"] == body

    @pytest.mark.parametrize(
        "body",
        [
            "nonsense",
            "{}",
            '{"widgets": [{"type": "metric"}]}',
            '{"widgets": [{"type": "metrics", "properties": {}}]}',
            '{"widgets": [{"type": "metric", "properties": {"metrics": [["n", "m"]]}}]}',
            '{"widgets": [{"type": "metric", "properties": {"region": "r", "metrics": [["n", "m", "d"]]}}]}',
            '{"widgets": [{"type": "text", "x": 20, "width": 6, "properties": {"markdown": "m"}}]}',
        ],
    )
    def test_a_dashboard_must_show_something(self, aws, body):
        refused(lambda: aws("cloudwatch").put_dashboard(DashboardName="d", DashboardBody=body), "not valid")


class TestMetricFilters:
    FILTER = {  # noqa: RUF012 - read only
        "logGroupName": "/g",
        "filterName": "f",
        "filterPattern": '{ $.event = "request" && $.odd > 0 }',
        "metricTransformations": [
            {"metricName": "m", "metricNamespace": "n", "metricValue": "1", "defaultValue": 0.0, "unit": "Count"}
        ],
    }

    def test_a_filter_is_read_back_replaced_and_goes_with_its_group(self, aws):
        client = aws("logs")
        client.create_log_group(logGroupName="/g")
        client.put_metric_filter(**self.FILTER)
        client.put_metric_filter(**self.FILTER | {"filterPattern": "{ $.odd > 1 }"})
        (told,) = client.describe_metric_filters(logGroupName="/g")["metricFilters"]
        assert told["filterPattern"] == "{ $.odd > 1 }"
        assert told["metricTransformations"] == self.FILTER["metricTransformations"]
        client.delete_log_group(logGroupName="/g")
        assert client.describe_metric_filters()["metricFilters"] == []

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"logGroupName": "/h"}, "log group does not exist"),
            ({"filterPattern": "{ $.event is odd }"}, "Invalid metric filter pattern"),
            ({"filterPattern": "{ $.odd > 0"}, "Invalid metric filter pattern"),
            (
                {"metricTransformations": [FILTER["metricTransformations"][0] | {"dimensions": {"d": "$.d"}}]},
                "mutually exclusive",
            ),
        ],
    )
    def test_what_a_filter_may_not_be(self, aws, change, words):
        aws("logs").create_log_group(logGroupName="/g")
        refused(lambda: aws("logs").put_metric_filter(**self.FILTER | change), words)

    def test_what_is_not_there_is_not_deleted(self, aws):
        aws("logs").create_log_group(logGroupName="/g")
        refused(lambda: aws("logs").delete_metric_filter(logGroupName="/g", filterName="f"), "does not exist")


class TestEvents:
    @pytest.mark.parametrize(
        "pattern", ["[]", "{}", '{"source": "a"}', '{"source": []}', '{"a": [{"prefixx": "b"}]}', "{"]
    )
    def test_a_pattern_is_lists_all_the_way_down(self, aws, pattern):
        refused(lambda: aws("events").put_rule(Name="r", EventPattern=pattern), code="InvalidEventPatternException")

    def test_a_target_is_as_asked(self, aws):
        pattern = {"source": ["aws.s3", {"prefix": "a"}], "$or": [{"detail": {"x": [{"exists": True}]}}, {"id": ["1"]}]}
        aws("events").put_rule(Name="r", EventPattern=json.dumps(pattern))
        retries = {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60}
        target = {"Id": "t", "Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f", "RetryPolicy": retries}
        target["DeadLetterConfig"] = {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"}
        aws("events").put_targets(Rule="r", Targets=[target])
        assert aws("events").list_targets_by_rule(Rule="r")["Targets"] == [target]

    def test_a_rule_runs_again_and_again_only(self, aws):
        refused(lambda: aws("events").put_rule(Name="r", ScheduleExpression="at(2030-01-01T00:00:00)"))
        aws("events").put_rule(Name="r", ScheduleExpression="rate(2 hours)")


class TestScheduler:
    def put(self, aws, role, expression, **more):
        arn = role("scheduler")
        asked = {"Name": "s", "ScheduleExpression": expression, "FlexibleTimeWindow": {"Mode": "OFF"}}
        target = {"Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f", "RoleArn": arn, "Input": "{}"}
        return lambda: aws("scheduler").create_schedule(**asked, Target=target, **more)

    @pytest.mark.parametrize(
        "expression",
        [
            "rate(1 hour)",
            "rate(5 minutes)",
            "cron(0 3 ? * SUN *)",
            "cron(0/15 8-17 1,15 JAN-MAR ? 2030)",
            "cron(0 0 L * ? *)",
        ],
    )
    def test_takes_what_can_be_read(self, aws, role, expression):
        key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
        self.put(aws, role, expression, KmsKeyArn=key, ScheduleExpressionTimezone="Europe/Berlin")()
        told = aws("scheduler").get_schedule(Name="s")
        assert (told["ScheduleExpression"], told["KmsKeyArn"]) == (expression, key)

    @pytest.mark.parametrize(
        "expression",
        [
            *(
                "every hour",
                "rate(1 hours)",
                "rate(2 hour)",
                "rate(0 minutes)",
                "rate(1.5 hours)",
                "cron(0 3 * * SUN *)",
            ),
            *("cron(0 3 ? * SUN)", "cron(60 3 ? * SUN *)", "cron(0 3 ? * SONNTAG *)", "cron(0 3 ? * ? *)"),
            "at(2030-13-01T00:00:00)",
        ],
    )
    def test_refuses_what_cannot(self, aws, role, expression):
        refused(self.put(aws, role, expression), "Invalid Schedule Expression")

    def test_a_time_has_a_place(self, aws, role):
        refused(self.put(aws, role, "rate(1 hour)", ScheduleExpressionTimezone="Mars/Olympus"), "Timezone")


class TestTheRest:
    def test_a_bucket_tells_eventbridge(self, aws):
        s3 = aws("s3")
        s3.create_bucket(Bucket="data", CreateBucketConfiguration={"LocationConstraint": REGION})
        assert "EventBridgeConfiguration" not in s3.get_bucket_notification_configuration(Bucket="data")
        asked = {"EventBridgeConfiguration": {}}
        s3.put_bucket_notification_configuration(Bucket="data", NotificationConfiguration=asked)
        assert without(s3.get_bucket_notification_configuration(Bucket="data")) == asked
        s3.put_bucket_notification_configuration(Bucket="data", NotificationConfiguration={})
        assert without(s3.get_bucket_notification_configuration(Bucket="data")) == {}

    def test_access_logs_go_where_they_may(self, aws):
        s3, place = aws("s3"), {"LocationConstraint": REGION}
        for name in ("data", "logs"):
            s3.create_bucket(Bucket=f"{name}-1", CreateBucketConfiguration=place)
        status = {"LoggingEnabled": {"TargetBucket": "logs-1", "TargetPrefix": "data/"}}
        asked = {"Bucket": "data-1", "BucketLoggingStatus": status}
        refused(lambda: s3.put_bucket_logging(**asked), "necessary permissions")
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::logs-1/other"}
        write = {"Effect": "Allow", "Principal": {"Service": "logging.s3.amazonaws.com"}, "Action": ["s3:Put*"]}
        write["Resource"] = "arn:aws:s3:::logs-1/d*"
        s3.put_bucket_policy(Bucket="logs-1", Policy=document(deny, write))
        s3.put_bucket_logging(**asked)
        assert s3.get_bucket_logging(Bucket="data-1")["LoggingEnabled"] == status["LoggingEnabled"]

    def test_a_function_is_as_asked(self, aws, role):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("handler.py", "handler = print")
        asked = {
            "FunctionName": "f",
            "Runtime": "python3.13",
            "Handler": "handler.handler",
            "Architectures": ["arm64"],
            "DeadLetterConfig": {"TargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"},
            "TracingConfig": {"Mode": "Active"},
            "KMSKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1",
            "Environment": {"Variables": {"MODE": "b"}},
            "LoggingConfig": {"LogFormat": "JSON", "LogGroup": "/a"},
        }
        client, code = aws("lambda"), {"ZipFile": archive.getvalue()}
        wrong = role("sagemaker")
        refused(lambda: client.create_function(**asked, Code=code, Role=wrong), "does not trust lambda.amazonaws.com")
        client.create_function(**asked, Code=code, Role=role("lambda"))
        client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
        client.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=2, MaximumEventAgeInSeconds=60)
        told = client.get_function(FunctionName="f")
        assert {key: told["Configuration"][key] for key in asked} == asked
        assert told["Concurrency"]["ReservedConcurrentExecutions"] == 1
        assert client.get_function_event_invoke_config(FunctionName="f")["MaximumRetryAttempts"] == 2
        client.update_function_configuration(FunctionName="f", TracingConfig={"Mode": "PassThrough"})
        assert client.get_function_configuration(FunctionName="f")["TracingConfig"] == {"Mode": "PassThrough"}

    def test_a_queue_keeps_its_documents_to_the_letter(self, aws):
        client = aws("sqs")
        dead = client.create_queue(QueueName="dead")["QueueUrl"]
        arn = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        asked = {
            "RedrivePolicy": f'{{"maxReceiveCount":3,"deadLetterTargetArn":"{arn}"}}',
            "Policy": '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"*"}]}',
        }
        url = client.create_queue(QueueName="q", Attributes=asked)["QueueUrl"]
        attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        assert {key: attributes[key] for key in asked} == asked

    def test_a_budget_knows_whom_it_tells(self, aws):
        client, limit = aws("budgets"), {"Amount": "10", "Unit": "USD"}
        budget = {"BudgetName": "b", "BudgetLimit": limit, "TimeUnit": "MONTHLY", "BudgetType": "COST"}
        note = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}
        told = [{"SubscriptionType": "EMAIL", "Address": "a@example.com"}]
        notes = [{"Notification": note, "Subscribers": told}]
        here = {"AccountId": ACCOUNT}
        client.create_budget(**here, Budget=budget, NotificationsWithSubscribers=notes, ResourceTags=TAGS)
        here["BudgetName"] = "b"
        assert client.describe_subscribers_for_notification(**here, Notification=note)["Subscribers"] == told
        arn = f"arn:aws:budgets::{ACCOUNT}:budget/b"
        assert client.list_tags_for_resource(ResourceARN=arn)["ResourceTags"] == TAGS
        client.delete_notification(**here, Notification=note)
        refused(lambda: client.describe_subscribers_for_notification(**here, Notification=note))

    def test_a_scalable_target_has_tags_and_room(self, aws):
        client, asked = (
            aws("application-autoscaling"),
            {"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/e/variant/v"},
        )
        asked["ScalableDimension"] = "sagemaker:variant:DesiredInstanceCount"
        refused(lambda: client.register_scalable_target(**asked, MinCapacity=2, MaxCapacity=1), "less than minimum")
        made = client.register_scalable_target(**asked, MinCapacity=1, MaxCapacity=2, Tags={"a": "b"})
        client.tag_resource(ResourceARN=made["ScalableTargetARN"], Tags={"c": "d"})
        client.untag_resource(ResourceARN=made["ScalableTargetARN"], TagKeys=["a"])
        assert client.list_tags_for_resource(ResourceARN=made["ScalableTargetARN"])["Tags"] == {"c": "d"}

    def test_a_rule_between_groups_has_a_description(self, aws):
        client = aws("ec2")
        vpc = client.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        group = client.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
        pair = {"GroupId": group, "Description": "each other"}
        rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [pair]}
        made = client.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])["SecurityGroupRules"]
        assert [each["Description"] for each in made] == ["each other"]

    def test_a_key_rotates(self, aws):
        key = aws("kms").create_key()["KeyMetadata"]["KeyId"]
        aws("kms").enable_key_rotation(KeyId=key, RotationPeriodInDays=180)
        told = aws("kms").get_key_rotation_status(KeyId=key)
        assert (told["KeyRotationEnabled"], told["RotationPeriodInDays"]) == (True, 180)
