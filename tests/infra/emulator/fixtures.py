"""Fixtures for tests that speak to the emulator with boto3: `pytest_plugins = ["emulator.fixtures"]`."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest

from . import Emulator, serve
from .testing import client, document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    """Run an emulator for the tests of a module."""
    with serve() as running:
        yield running


@pytest.fixture
def aws(server: Emulator) -> Iterator[Callable[[str], Any]]:
    """Return a function that makes clients of an empty account; whatever goes by must be without fault."""
    server.reset()
    yield functools.partial(client, server)
    assert server.faults() == []


@pytest.fixture
def role(aws: Callable[[str], Any]) -> Callable[[str], str]:
    """Return a function that makes a role which a service may use."""

    def make(service: str) -> str:
        principal = {"Service": f"{service}.amazonaws.com"}
        trust = document({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})
        return aws("iam").create_role(RoleName=f"for-{service}", AssumeRolePolicyDocument=trust)["Role"]["Arn"]

    return make
