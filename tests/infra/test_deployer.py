"""The deployer's shell against a strict AWS: what serves in the end, whatever fails, lags or happens twice."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ReadTimeoutError
from fakes import IMAGE, refused
from handlers.variables import SettingsError
from strict_client import Crash
from wakeups import DEPLOYER, lines, released, serving_world, version
from wakeups import wake_deployer as wake


@pytest.fixture
def world(monkeypatch):
    return serving_world(monkeypatch)


def test_the_life_of_a_version(world, capsys):
    assert wake()["reason"] == "no-package"
    assert world.metrics == {"DeployerHeartbeat": 1, "ServingVersion": 0}
    world.package(1, model_sha256="7" * 64)
    assert wake()["reason"] == "deploy"
    assert world.marks(1).startswith("started:churn-dev-v1-")
    assert wake()["reason"] == "Updating"
    world.arrive()
    assert wake()["reason"] == "serves"
    assert (world.marks(1), world.packages[1]["ModelApprovalStatus"]) == ("live", "Approved")
    assert world.metrics == {"DeployerHeartbeat": 1, "ServingVersion": 1}
    assert world.serving["PrimaryContainer"]["Environment"] == {
        "LOG_LEVEL": "info",
        "MODEL_VERSION": "1",
        "MODEL_SHA256": "7" * 64,
    }
    released(world, 2)
    assert (world.marks(1), world.marks(2)) == ("replaced", "live")
    calls = len(world.did("update_model_package"))
    wake()
    assert len(world.did("update_model_package")) == calls, "what is so need not be made so"
    assert len(world.deployments) == 2
    assert not world.pages
    assert [line["reason"] for line in lines(capsys)] == [
        "no-package",
        "deploy",
        "Updating",
        "serves",
        "deploy",
        "serves",
        "serves",
    ]


def test_a_rollback_is_seen_told_and_never_tried_again(world):
    released(world, 1)
    world.package(2)
    wake()
    world.arrive(rolled_back=True)
    assert wake()["reason"] == "rolled-back"
    assert (world.marks(2), world.packages[2]["ModelApprovalStatus"]) == ("rolled_back", "Rejected")
    assert [each["Subject"] for each in world.pages] == ["churn dev: version 2 was rolled back"]
    world.packages[2]["ModelApprovalStatus"] = "Approved"
    for _ in range(3):
        assert wake()["reason"] == "serves"
    assert (version(world), len(world.deployments)) == ("1", 2)
    released(world, 3)


def test_a_person_takes_a_version_back_by_rejecting_it(world):
    released(world, 1)
    released(world, 2)
    world.packages[2]["ModelApprovalStatus"] = "Rejected"
    wake()
    world.arrive()
    wake()
    assert (version(world), world.marks(1), world.marks(2)) == ("1", "live", "replaced")
    world.packages[1]["ModelApprovalStatus"] = "Rejected"
    assert wake()["reason"] == "all-revoked"
    assert (version(world), len(world.pages)) == ("1", 1)


def test_what_a_person_decides_while_a_version_is_marked_stands(world, monkeypatch):
    world.package(1)
    wake()
    world.arrive()
    update = world.sagemaker_update_model_package

    def meanwhile(**request):
        world.packages[1]["ModelApprovalStatus"] = "Rejected"
        return update(**request)

    monkeypatch.setattr(world, "sagemaker_update_model_package", meanwhile)
    wake()
    assert (world.marks(1), world.packages[1]["ModelApprovalStatus"]) == ("live", "Rejected")


def test_duplicates_deploy_once(world):
    world.package(1)
    for _ in range(20):
        wake()
    assert len(world.deployments) == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("outcome", ["arrived", "rolled back"])
def test_a_crash_at_any_call_is_made_good_by_the_next_wake_up(monkeypatch, when, outcome):
    for number in range(1, 99):
        world = serving_world(monkeypatch)
        world.package(1)
        world.crash = (number, when)
        try:
            wake()
        except Crash:
            world.crash = None
            wake()
        else:
            assert number > 12, "it must have crashed at each call"
            return
        assert len(world.deployments) == 1, number
        world.arrive(rolled_back=outcome == "rolled back")
        wake()
        assert world.marks(1) == ("live" if outcome == "arrived" else "rolled_back"), number
        assert len(world.deployments) == 1
        assert len(world.models) == len(world.configs) == 2


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_while_the_outcome_is_noted_loses_nothing(monkeypatch, when):
    for number in range(1, 99):
        world = serving_world(monkeypatch)
        released(world, 1)
        world.package(2)
        wake()
        world.arrive(rolled_back=True)
        world.crash = (len(world.calls) + number, when)
        try:
            wake()
        except Crash:
            world.crash = None
            wake()
        else:
            return
        assert (world.marks(2), version(world)) == ("rolled_back", "1")
        assert [each["Subject"] for each in world.pages if "rolled back" in each["Subject"]], number


def test_an_answer_that_is_lost_is_no_refusal(world, monkeypatch):
    accepted = world.sagemaker_update_endpoint
    monkeypatch.setattr(
        world, "sagemaker_update_endpoint", lambda **request: (accepted(**request), accepted(**request))
    )
    world.package(1)
    assert "on its way already" in wake()["outcome"]
    world.arrive(rolled_back=True)
    assert wake()["reason"] == "rolled-back"


@pytest.mark.parametrize("operation", ["create_model", "create_endpoint_config", "update_endpoint"])
def test_a_refused_deployment_is_told_and_tried_again(world, operation):
    world.package(1)
    world.failing[operation] = refused("ResourceLimitExceeded")
    told = wake()
    assert "refused" in told["outcome"]
    # What was decided, and from what, stays apart from what became of it.
    assert (told["decided"]["page"], told["page"]) == ("", "version 1 is refused: ResourceLimitExceeded")
    assert (told["decided"]["deploy"]["version"], told["image"]) == (1, IMAGE)
    assert [each["Subject"] for each in world.pages] == ["churn dev: version 1 is refused: ResourceLimitExceeded"]
    assert world.marks(1) in {None, "waiting"}
    world.failing.clear()
    world.later(hours=1)
    world.endpoint["LastModifiedTime"] = world.now
    assert wake()["reason"] == "deploy"


def test_a_version_revoked_at_the_last_moment_is_not_deployed(world, monkeypatch):
    world.package(1)
    made = world.sagemaker_create_endpoint_config

    def meanwhile(**request):
        world.packages[1]["ModelApprovalStatus"] = "Rejected"
        return made(**request)

    monkeypatch.setattr(world, "sagemaker_create_endpoint_config", meanwhile)
    assert "revoked meanwhile" in wake()["outcome"]
    assert not world.deployments
    assert world.packages[1]["ModelApprovalStatus"] == "Rejected"


@pytest.mark.parametrize("checksum", [True, False])
def test_an_artefact_that_was_swapped_is_refused(world, checksum):
    world.package(1)
    world.store("artifacts/models/1/model.tar.gz", b"something else", checksum=checksum)
    assert wake()["reason"] == "refused"
    assert not world.did("create_model")
    assert len(world.pages) == 1
    world.store("artifacts/models/1/model.tar.gz", b"model 1", checksum=checksum)
    assert wake()["reason"] == "deploy"
    assert len(world.did("get_object")) == 2 * (not checksum), "read only where S3 keeps no checksum"


@pytest.mark.parametrize(
    "change",
    [
        {"ContentLength": 3 * 1024**3},
        {"ETag": "changed-meanwhile"},
        None,
    ],
)
def test_an_artefact_that_cannot_be_verified_is_refused(world, monkeypatch, change):
    world.package(1)
    place = "artifacts/models/1/model.tar.gz"
    world.store(place, b"model 1", checksum=False)
    if change is None:
        del world.objects[place]
    else:
        facts = {key: value for key, value in world.objects[place].items() if key != "Body"} | change
        monkeypatch.setattr(world, "s3_head_object", lambda **_: facts)
    assert wake()["reason"] == "refused"


@pytest.mark.parametrize("kept", [{"ChecksumType": "COMPOSITE"}, {"ChecksumSHA256": "abcd-2", "ChecksumType": None}])
def test_a_checksum_of_checksums_verifies_nothing(world, kept):
    world.package(1)
    facts = world.objects["artifacts/models/1/model.tar.gz"] | {"ChecksumSHA256": "abcd"} | kept
    world.objects["artifacts/models/1/model.tar.gz"] = {key: value for key, value in facts.items() if value}
    assert wake()["reason"] == "deploy", "it was read and hashed"
    assert world.did("get_object")


def test_something_else_under_our_name_is_not_deployed(world):
    world.package(1)
    wake()
    (name,) = (name for name in world.models if "-v1-" in name)
    world.models[name]["PrimaryContainer"] = {"Image": "evil"}
    world.endpoint |= {"EndpointStatus": "InService"}
    assert "is something else" in wake()["outcome"]
    assert len(world.deployments) == 1


def test_a_base_that_pulumi_replaced_is_the_next_template(world):
    """Pulumi deletes the old base configuration under an endpoint that has never served a model."""
    world.configs["churn-dev-base-00000000"]["ProductionVariants"][0]["InstanceType"] = "ml.c5.large"
    world.endpoint["EndpointConfigName"] = "churn-dev-base-gone"
    world.package(1)
    assert wake()["reason"] == "deploy"
    config = world.configs[world.deployments[0]["EndpointConfigName"]]
    assert config["ProductionVariants"][0]["InstanceType"] == "ml.c5.large"


@pytest.mark.parametrize("operation", ["describe_endpoint", "list_model_packages", "describe_alarms"])
def test_what_cannot_be_read_changes_nothing_and_is_told(world, operation):
    world.package(1)
    world.failing[operation] = refused("AccessDenied")
    assert wake()["reason"] == "unreadable"
    assert not world.deployments
    assert [each["Subject"] for each in world.pages] == ["churn dev: the deployer is blind"]


@pytest.mark.parametrize("name", sorted(DEPLOYER))
def test_a_missing_variable_is_named(world, monkeypatch, name):
    monkeypatch.delenv(name)
    with pytest.raises(SettingsError, match=name):
        wake()
    assert not world.calls


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NAME_PREFIX", "a" * 44),
        ("NAME_PREFIX", "a_b"),
        ("IMAGE", "churn:latest"),
        ("ROLLOUT", '{"strategy": "hope", "percent": 10, "bake_minutes": 1}'),
        ("ROLLOUT", '{"strategy": "canary", "percent": 60, "bake_minutes": 1}'),
        ("ROLLOUT", '{"strategy": "canary"}'),
        ("ROLLBACK_ALARMS", "{}"),
        ("ROLLBACK_ALARMS", json.dumps(list("abcdefghijk"))),
        ("NETWORK", '{"Subnets": [], "SecurityGroupIds": ["x"]}'),
        ("ENVIRONMENT", '{"A": 1}'),
    ],
)
def test_a_malformed_variable_is_named(world, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        wake()


CHANGES = ["create_model", "create_endpoint_config", "update_model_package", "update_endpoint"]


@pytest.mark.parametrize("operation", CHANGES)
def test_a_change_that_times_out_is_recorded_and_tried_again(world, operation):
    world.package(1)
    world.failing[operation] = ReadTimeoutError(endpoint_url="https://example.invalid")
    told = wake()
    assert (told["reason"], told["page"]) == ("deploy", "version 1 is refused: ReadTimeoutError")
    assert any(key.startswith("artifacts/decisions/2026") for key in world.objects)
    world.failing.clear()
    wake()
    world.arrive()
    assert wake()["reason"] == "serves"
