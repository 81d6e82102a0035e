"""The driver of Terraform over a configuration of three resources: what it says, and what it does not let pass."""

from __future__ import annotations

import json
import shutil

import emulator
import pytest
import terraform
from terraform import Terraform, TerraformError

SOURCE = {"aws": {"source": "hashicorp/aws", "version": "5.100.0"}}
TOPIC = {"name": "a", "tags": {"owner": "${var.owner}"}}
KEPT = {"name": "/kept", "type": "String", "value": "${aws_sns_topic.a.arn}", "lifecycle": {"prevent_destroy": True}}
RESOURCES = {"aws_sns_topic": {"a": TOPIC, "b": {"name": "b"}}, "aws_ssm_parameter": {"kept": KEPT}}
ADDRESSES = ["aws_sns_topic.a", "aws_sns_topic.b", "aws_ssm_parameter.kept"]


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a configuration and gives its driver."""
    frame = {"terraform": {"required_providers": SOURCE}, "variable": {"owner": {"type": "string"}}}

    def written(endpoint: str, resources: dict = RESOURCES, provider: object = None) -> Terraform:
        aws = provider or {"region": "eu-west-1"}
        document = frame | {"provider": {"aws": aws}, "resource": resources}
        (tmp_path / "main.tf.json").write_text(json.dumps(document))
        return Terraform(tmp_path, endpoint, {"owner": "us"})

    return written


@pytest.fixture
def real():
    """Need the real Terraform."""
    terraform.need_terraform()


def test_from_nothing_to_nothing(write, real):
    with emulator.serve() as aws:
        driver = write(aws.endpoint)
        driver.init()
        aws.fail(nth=1, action="PutParameter")
        with pytest.raises(TerraformError, match="PutParameter is refused") as caught:
            driver.apply()
        assert {each.severity for each in caught.value.diagnostics} == {"error"}
        assert driver.state_list() == ADDRESSES[:2]
        assert list(driver.apply().seconds) == ADDRESSES[2:]
        arns = [f"eu-west-1 sns Topics arn:aws:sns:eu-west-1:123456789012:{name}" for name in "ab"]
        assert aws.leftovers() == [*arns, "eu-west-1 ssm Parameters /kept"]

        write(aws.endpoint, RESOURCES | {"aws_sns_topic": {"a": TOPIC | {"display_name": "x"}, "b": {"name": "b"}}})
        plan = driver.plan()
        assert plan.changes
        assert plan.actions() == {"aws_sns_topic.a": ["update"]}
        assert plan.drift() == {"aws_sns_topic.a": [("display_name", "", "x")]}

        with pytest.raises(TerraformError, match="Instance cannot be destroyed"):
            driver.destroy()
        assert driver.unprotect() == ADDRESSES[2:]
        assert sorted(driver.destroy().seconds) == ADDRESSES
        assert driver.state_list() == aws.leftovers() == aws.faults() == []


def test_tells_what_is_wrong_and_has_an_end(write, real):
    driver = write("http://127.0.0.1:9", {"aws_sns_topic": {"a": {"nam": "a"}}})
    driver.init()
    (wrong,) = driver.validate()
    assert (wrong.severity, wrong.address) == ("error", "resource.aws_sns_topic.a")
    with pytest.raises(TerraformError, match="did not end within 0 s"):
        driver.plan(timeout=0.01)


def test_sends_every_provider_to_the_emulator(write):
    driver = write("http://there", provider=[{"region": "eu-west-1"}, {"alias": "far", "region": "us-west-2"}])
    near, far = json.loads((driver.folder / terraform.OVERRIDE).read_text())["provider"]["aws"]
    assert (near.get("alias"), far.pop("alias")) == (None, "far")
    assert near == far
    assert set(near["endpoints"][0].values()) == {"http://there"}


def test_buckets_that_are_kept_are_emptied_when_they_are_not(write):
    lifecycle = {"lifecycle": [{"prevent_destroy": True}]}
    driver = write("http://there", {"aws_s3_bucket": {"a": lifecycle, "b": {}}, "aws_kms_key": {"k": lifecycle}})
    assert driver.unprotect() == ["aws_kms_key.k", "aws_s3_bucket.a"]
    lifted = json.loads((driver.folder / terraform.UNPROTECT).read_text())["resource"]
    assert lifted["aws_s3_bucket"] == {"a": {"force_destroy": True, "lifecycle": {"prevent_destroy": False}}}


def test_says_why_it_cannot_be_used(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert terraform.find_terraform() == "terraform is not on the PATH"
    monkeypatch.setenv("LOOPWRIGHT_REQUIRE", "data, terraform")
    with pytest.raises(pytest.fail.Exception, match="not on the PATH"):
        terraform.need_terraform()
    monkeypatch.setenv("LOOPWRIGHT_REQUIRE", "data")
    with pytest.raises(pytest.skip.Exception, match="not on the PATH"):
        terraform.need_terraform()
