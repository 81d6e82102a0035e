"""The emulator itself: what it reads back is what was asked for, what AWS refuses it refuses, and it hides nothing."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import emulator
import pytest
from botocore.exceptions import ClientError
from emulator.testing import ACCOUNT, REGION, client, document, refused, until

HERE = Path(__file__).parent
pytest_plugins = ["emulator.fixtures"]


class TestTheServer:
    def test_ends_with_the_process_that_started_it(self):
        program = textwrap.dedent("""
            import os, emulator
            with emulator.serve() as server:
                print(server.endpoint, flush=True)
                os._exit(1)
        """)
        done = subprocess.run([sys.executable, "-c", program], cwd=HERE, capture_output=True, text=True, check=False)
        running = emulator.Emulator(done.stdout.strip())
        with pytest.raises(OSError, match="refused"):
            until(lambda: running.faults() and False)

    def test_what_moto_does_not_know_is_a_fault(self, server):
        server.reset()
        with pytest.raises(ClientError, match="not been implemented"):
            client(server, "sagemaker").list_hubs()
        assert [text for text in server.faults() if "sagemaker:ListHubs" in text]
        server.clear()
        assert server.faults() == []

    def test_every_call_is_logged_with_its_status(self, server, aws):
        aws("sqs").create_queue(QueueName="q")
        refused(lambda: aws("sqs").get_queue_url(QueueName="other"))
        calls = [(entry.service, entry.action, entry.region, entry.status) for entry in server.requests()]
        assert calls == [("sqs", "CreateQueue", REGION, 200), ("sqs", "GetQueueUrl", REGION, 400)]

    def test_members_must_be_as_the_service_model_says(self, aws):
        refused(lambda: aws("sqs").create_queue(), "QueueName: is required", code="ValidationException")
        refused(lambda: aws("logs").create_log_group(logGroupName="a b"), "does not match")
        policy = {"EvaluationPeriods": 0, "ComparisonOperator": "Above", "AlarmName": "a"}
        refused(lambda: aws("cloudwatch").put_metric_alarm(**policy), "none of", "0 are fewer than 1")


class TestFailingOnOrder:
    def test_the_nth_change_is_refused_and_reads_do_not_count(self, server, aws):
        server.fail(nth=2)
        aws("sqs").create_queue(QueueName="a")
        aws("sqs").list_queues()
        refused(lambda: aws("sqs").create_queue(QueueName="b"), "the test asked for", code="AccessDenied")
        aws("sqs").create_queue(QueueName="b")
        assert server.mutations() == ["sqs:CreateQueue"] * 3

    def test_of_one_action_and_several_times(self, server, aws):
        server.fail(action="CreateBucket", nth=1, count=2)
        place = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
        aws("sqs").create_queue(QueueName="a")
        for name in ("one", "two"):
            refused(lambda name=name: aws("s3").create_bucket(Bucket=f"bucket-{name}", **place), code="AccessDenied")
        aws("s3").create_bucket(Bucket="bucket-three", **place)
        server.fail(nth=1)
        server.forgive()
        aws("s3").put_bucket_tagging(Bucket="bucket-three", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
        assert server.mutations()[-1] == "s3:PutBucketTagging"

    def test_each_change_once(self, server, aws):
        server.fail_each()
        for name in ("a", "b"):
            refused(lambda name=name: aws("sqs").create_queue(QueueName=name), code="AccessDenied")
            aws("sqs").create_queue(QueueName=name)
        # A token names the attempt, not what is asked.
        again = {"Id": "x", "Name": "/a", "Type": "String", "Value": "b"}
        refused(
            lambda: aws("ssm").put_parameter(**{k: again[k] for k in ("Name", "Type", "Value")}), code="AccessDenied"
        )
        server.forgive()
        aws("sqs").create_queue(QueueName="c")

    def test_deleting_is_no_change_to_refuse(self, server, aws):
        url = aws("sqs").create_queue(QueueName="a")["QueueUrl"]
        server.fail(nth=1)
        aws("sqs").delete_queue(QueueUrl=url)


class TestLeftovers:
    def test_nothing_is_left_of_an_empty_account(self, server, aws):
        aws("sts").get_caller_identity()
        assert server.leftovers() == []

    def test_names_what_is_there(self, server, aws, role):
        role("lambda")
        key = aws("kms").create_key()["KeyMetadata"]["KeyId"]
        aws("logs").create_log_group(logGroupName="/a/b")
        aws("sagemaker").create_model_package_group(ModelPackageGroupName="models")
        group = f"{REGION} sagemaker ModelPackageGroupSummaryList models"
        expected = ["iam Roles for-lambda", f"{REGION} kms Keys {key}", f"{REGION} logs logGroups /a/b", group]
        assert sorted(server.leftovers()) == sorted(expected)
        aws("kms").schedule_key_deletion(KeyId=key)
        assert f"{REGION} kms Keys {key}" not in emulator.leftovers(server.endpoint)


class TestPolicies:
    def test_a_condition_that_is_not_met_denies_nothing(self, aws):
        s3 = aws("s3")
        s3.create_bucket(Bucket="data", CreateBucketConfiguration={"LocationConstraint": REGION})
        everything = {"Action": "s3:*", "Resource": ["arn:aws:s3:::data", "arn:aws:s3:::data/*"], "Principal": "*"}
        plain = {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}, **everything}
        s3.put_bucket_policy(Bucket="data", Policy=document(plain))
        s3.put_object(Bucket="data", Key="a", Body=b"1")
        met = {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "true"}}, **everything}
        s3.put_bucket_policy(Bucket="data", Policy=document(met))
        with pytest.raises(ClientError, match="Forbidden"):
            s3.put_object(Bucket="data", Key="a", Body=b"2")

    @pytest.mark.parametrize("principal", [{"AWS": f"arn:aws:iam::{ACCOUNT}:role/nobody"}, {"Service": "lambda"}])
    def test_whom_it_names_must_exist(self, aws, principal):
        allow = {"Effect": "Allow", "Principal": principal, "Action": "*", "Resource": "*"}
        text = document(allow)
        url = aws("sqs").create_queue(QueueName="q")["QueueUrl"]
        topic = aws("sns").create_topic(Name="t")["TopicArn"]
        aws("s3").create_bucket(Bucket="data", CreateBucketConfiguration={"LocationConstraint": REGION})
        for call in (
            lambda: aws("iam").create_role(RoleName="r", AssumeRolePolicyDocument=text),
            lambda: aws("kms").create_key(Policy=text),
            lambda: aws("s3").put_bucket_policy(Bucket="data", Policy=text),
            lambda: aws("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": text}),
            lambda: aws("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=text),
        ):
            refused(call, "Invalid principal")

    def test_a_key_stays_in_reach_of_its_account(self, aws):
        root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        use = document({"Effect": "Allow", "Principal": root, "Action": "kms:Decrypt", "Resource": "*"})
        refused(lambda: aws("kms").create_key(Policy=use), "in the future")
        manage = document({"Effect": "Allow", "Principal": root, "Action": "kms:Put*", "Resource": "*"})
        assert aws("kms").create_key(Policy=manage)["KeyMetadata"]["Enabled"]

    def test_a_log_group_needs_a_key_that_lets_logs_in(self, aws):
        root = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
        logs = {**root, "Principal": {"Service": f"logs.{REGION}.amazonaws.com"}}
        shut = aws("kms").create_key(Policy=document(root))["KeyMetadata"]["Arn"]
        open_ = aws("kms").create_key(Policy=document(root, logs))["KeyMetadata"]["Arn"]
        refused(lambda: aws("logs").create_log_group(logGroupName="g", kmsKeyId=shut), "not allowed")
        aws("logs").create_log_group(logGroupName="g", kmsKeyId=open_)

    def test_a_role_in_use_stays(self, aws, role):
        role("lambda")
        allow = document({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
        aws("iam").put_role_policy(RoleName="for-lambda", PolicyName="p", PolicyDocument=allow)
        with pytest.raises(ClientError, match="must delete policies first"):
            aws("iam").delete_role(RoleName="for-lambda")
