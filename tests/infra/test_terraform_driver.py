"""The driver of Terraform over a configuration of three resources: what it says, and what it does not let pass."""

from __future__ import annotations

import json
import shutil

import emulator
import pytest
import terraform
from terraform import Terraform, TerraformError

PROVIDERS = [{"region": "eu-west-1"}, {"alias": "far", "region": "us-west-2"}]
SOURCE = {"aws": {"source": "hashicorp/aws", "version": "5.100.0"}}
TOPIC = {"name": "here", "tags": {"owner": "${var.owner}"}}
RESOURCES = {
    "aws_sns_topic": {"here": TOPIC, "far": {"name": "far", "provider": "aws.far"}},
    "aws_ssm_parameter": {
        "kept": {
            "name": "/kept",
            "type": "String",
            "value": "${aws_sns_topic.here.arn}",
            "lifecycle": {"prevent_destroy": True},
        }
    },
}
ADDRESSES = ["aws_sns_topic.far", "aws_sns_topic.here", "aws_ssm_parameter.kept"]


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a configuration and gives its driver."""
    terraform.need_terraform()

    def written(aws: emulator.Emulator, resources: dict = RESOURCES) -> Terraform:
        document = {"terraform": {"required_providers": SOURCE}, "provider": {"aws": PROVIDERS}, "resource": resources}
        document["variable"] = {"owner": {"type": "string"}}
        (tmp_path / "main.tf.json").write_text(json.dumps(document))
        driver = Terraform(tmp_path, aws.endpoint, {"owner": "us"})
        driver.init()
        return driver

    return written


def test_from_nothing_to_nothing(write):
    with emulator.serve() as aws:
        driver = write(aws)
        assert driver.validate() == []
        assert driver.plan().actions() == {address: ["create"] for address in ADDRESSES}
        aws.fail(nth=1, action="PutParameter")
        with pytest.raises(TerraformError, match="PutParameter is refused"):
            driver.apply()
        assert driver.state_list() == ADDRESSES[:2]
        assert list(driver.apply().seconds) == ADDRESSES[2:]
        assert not driver.plan().changes
        assert aws.leftovers() == [
            *("eu-west-1 sns Topics arn:aws:sns:eu-west-1:123456789012:here", "eu-west-1 ssm Parameters /kept"),
            "us-west-2 sns Topics arn:aws:sns:us-west-2:123456789012:far",
        ]
        with pytest.raises(TerraformError, match="Instance cannot be destroyed"):
            driver.destroy()
        assert driver.unprotect() == ADDRESSES[2:]
        assert sorted(driver.destroy().seconds) == ADDRESSES
        assert driver.state_list() == aws.leftovers() == aws.faults() == []


def test_tells_what_is_wrong(write):
    with emulator.serve() as aws:
        driver = write(aws, {"aws_sns_topic": {"here": {"nam": "here"}}})
        (wrong,) = driver.validate()
        assert (wrong.severity, wrong.address) == ("error", "resource.aws_sns_topic.here")
        with pytest.raises(TerraformError, match="nam") as caught:
            driver.plan()
        assert [each.severity for each in caught.value.diagnostics] == ["error"]


def test_tells_what_would_change(write):
    with emulator.serve() as aws:
        driver = write(aws)
        driver.apply()
        write(aws, RESOURCES | {"aws_sns_topic": RESOURCES["aws_sns_topic"] | {"here": TOPIC | {"display_name": "x"}}})
        assert driver.plan().drift() == {"aws_sns_topic.here": [("display_name", "", "x")]}


def test_has_an_end(write):
    with emulator.serve() as aws:
        driver = write(aws)
        with pytest.raises(TerraformError, match="did not end within 0 s"):
            driver.plan(timeout=0.01)


def test_says_why_it_cannot_be_used(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert terraform.find_terraform() == "terraform is not on the PATH"
    monkeypatch.setenv("LOOPWRIGHT_REQUIRE", "data, terraform")
    with pytest.raises(pytest.fail.Exception, match="not on the PATH"):
        terraform.need_terraform()
    monkeypatch.setenv("LOOPWRIGHT_REQUIRE", "data")
    with pytest.raises(pytest.skip.Exception, match="not on the PATH"):
        terraform.need_terraform()
