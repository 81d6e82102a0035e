"""What a step says of itself beside its arguments: when its results are reused, and when it is tried again.

https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-caching.html
https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-retry-policy.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from loopwright.definitions.document import broken, entries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopwright.definitions.document import Document
    from loopwright.wiring.findings import Finding

__all__ = ["caches", "retries"]

_CACHED = {"AutoML", "ClarifyCheck", "EMR", "Processing", "QualityCheck", "Training", "Transform", "Tuning"}
_RETRIED = {"AutoML", "Model", "Processing", "RegisterModel", "Training", "Transform", "Tuning"}
_DURATION = re.compile(r"P?(?=\d|T)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?)?", re.IGNORECASE | re.ASCII)
"""ISO 8601 from years to minutes; AWS writes it without the P and in small letters too."""
_EXCEPTIONS = {
    "SageMaker.CAPACITY_ERROR",
    "SageMaker.JOB_INTERNAL_ERROR",
    "SageMaker.RESOURCE_LIMIT",
    "Step.SERVICE_FAULT",
    "Step.THROTTLING",
}
_MOST = {"ExpireAfterMin": 14_400, "IntervalSeconds": 43_200, "MaxAttempts": 20}
_KNOWN = {"BackoffRate", "ExceptionType", *_MOST}


def caches(document: Document) -> Iterator[Finding]:
    """Yield the steps whose results cannot be reused as they say."""
    for step in document.steps:
        given = step.body.get("CacheConfig")
        if given is not None and (fault := _uncached(step.kind, given)):
            path = f"{step.path}.CacheConfig"
            yield broken("pipelines.cache", path, f"the results of {step.name} cannot be kept like this", fault)


def _uncached(kind: str, given: Any) -> str:
    if kind not in _CACHED:
        return f"a {kind} step is not cached"
    if not isinstance(given, dict) or not isinstance(given.get("Enabled"), bool):
        return "Enabled is true or false"
    if odd := sorted(set(given) - {"Enabled", "ExpireAfter"}):
        return f"it knows no {', '.join(odd)}"
    expires = given.get("ExpireAfter")
    if expires is None:
        return "who turns it on says for how long, with ExpireAfter" if given["Enabled"] else ""
    good = isinstance(expires, str) and _DURATION.fullmatch(expires)
    return "" if good else f"ExpireAfter is a duration such as P30D or PT12H, and not {expires!r}"


def retries(document: Document) -> Iterator[Finding]:
    """Yield the policies by which no step can be tried again."""
    for step in document.steps:
        given = step.body.get("RetryPolicies")
        path = f"{step.path}.RetryPolicies"
        if given is None:
            continue
        if step.kind not in _RETRIED or not isinstance(given, list):
            because = "they are not a list" if step.kind in _RETRIED else f"a {step.kind} step has no policies"
            yield broken("pipelines.retry", path, f"{step.name} is not tried again", because)
        for where, each in entries(given, path):
            for fault in _unretried(each):
                yield broken("pipelines.retry", where, f"{step.name} is not tried again like this", fault)


def _unretried(policy: Any) -> Iterator[str]:
    if not isinstance(policy, dict):
        yield "a policy is an object"
        return
    if odd := sorted(set(policy) - _KNOWN):
        yield f"a policy knows no {', '.join(odd)}"
    exceptions = policy.get("ExceptionType")
    if not isinstance(exceptions, list) or not exceptions or not {*map(str, exceptions)} <= _EXCEPTIONS:
        yield f"ExceptionType is a list of {', '.join(sorted(_EXCEPTIONS))}"
    for key, most in _MOST.items():
        value = policy.get(key, 0)
        if type(value) is not int or not 0 <= value <= most:
            yield f"{key} is a whole number up to {most}"
    backoff = policy.get("BackoffRate", 1)
    if isinstance(backoff, bool) or not isinstance(backoff, int | float) or backoff < 0:
        yield "BackoffRate is a number, and none below zero"
    if {"ExpireAfterMin", "MaxAttempts"} <= set(policy):
        yield "it has one of MaxAttempts and ExpireAfterMin, not both"
