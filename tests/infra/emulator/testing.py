"""Words for tests that speak to the emulator with boto3."""

from __future__ import annotations

import functools
import json
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from . import Emulator

REGION, ACCOUNT = "eu-west-1", "123456789012"
# What boto3 would refuse by itself has to reach the emulator.
RAW = Config(retries={"total_max_attempts": 1}, parameter_validation=False)


@functools.cache
def client(server: Emulator, service: str) -> Any:
    """Return a client that checks nothing and tries nothing again; making one takes longer than most tests."""
    return _session().client(service, endpoint_url=server.endpoint, config=RAW)


@functools.cache
def _session() -> boto3.Session:
    return boto3.Session("testing", "testing", region_name=REGION)


def document(*statements: dict[str, Any]) -> str:
    """Return a policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def refused(call: Callable[[], object], *words: str, code: str | None = None, status: int = 400) -> None:
    """Assert that a call is refused, and why."""
    with pytest.raises(ClientError) as caught:
        call()
    answer = caught.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
    assert code in (None, answer["Error"]["Code"])
    for word in words:
        assert word in answer["Error"]["Message"]


def until(condition: Callable[[], bool], *, seconds: float = 20) -> None:
    """Ask again until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
