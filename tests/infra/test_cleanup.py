"""After rollouts: old versions go, and whatever serves or may be gone back to stays, however old it is."""

from __future__ import annotations

import pytest
from wakeups import released, serving_world, version
from wakeups import wake_deployer as wake


@pytest.fixture
def world(monkeypatch):
    return serving_world(monkeypatch)


def test_old_versions_go_and_whatever_serves_or_served_stays(world):
    for number in range(1, 12):
        released(world, number)
    wake()
    made = [name for name in world.configs if "-v" in name]
    assert len(made) == len([name for name in world.models if "-v" in name]) == 3
    previous = world.packages[11]["CustomerMetadataProperties"]["deploy_previous"]
    assert {world.endpoint["EndpointConfigName"], previous} <= set(made)
    assert "churn-dev-base-00000000" in world.configs
    assert "churn-dev-base-00000000" in world.models


def test_whatever_is_needed_stays_however_old(world):
    released(world, 1)
    first = world.endpoint["EndpointConfigName"]
    for number in range(2, 9):
        world.package(number)
        wake()
        world.arrive(rolled_back=True)
        wake()
        wake()
    assert version(world) == "1"
    assert len([name for name in world.configs if "-v" in name]) == 4, "the newest three, and the one that serves"
    released(world, 9)
    wake()
    assert first in world.configs, "the one to go back to"
    assert any("-v1-" in name for name in world.models)


def test_a_model_that_serves_by_a_configuration_of_a_person_stays(world):
    test_whatever_is_needed_stays_however_old(world)
    for number in range(2, 10):
        world.packages[number]["ModelApprovalStatus"] = "Rejected"
    (name,) = (name for name in world.configs if "-v1-" in name)
    world.configs["by-hand"] = world.configs[name] | {"EndpointConfigName": "by-hand"}
    world.endpoint["EndpointConfigName"] = "by-hand"
    wake()
    wake()
    assert version(world) == "1"
    assert name not in world.configs


def test_a_model_that_a_persons_configuration_goes_back_to_stays(world):
    released(world, 1)
    (model,) = (name for name in world.models if "-v1-" in name)
    world.configs["by-hand"] = world.configs[world.endpoint["EndpointConfigName"]] | {"EndpointConfigName": "by-hand"}
    world.endpoint["EndpointConfigName"] = "by-hand"
    for number in (2, 3):
        world.package(number)
        wake()
        world.arrive(rolled_back=True)
        wake()
    released(world, 4)
    wake()
    assert world.packages[4]["CustomerMetadataProperties"]["deploy_previous"] == "by-hand"
    assert model in world.models
    del world.configs["by-hand"]
    assert wake()["page"] == ""
    assert model not in world.models
