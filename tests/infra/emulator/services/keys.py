"""KMS, and those who ask whether they may use a key: a policy names people who exist, and lets log groups in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto.kms.models import kms_backends

from emulator.hooks import on
from emulator.policy import as_list, matches, principals, statements
from emulator.wire import ACCOUNT, Refused

if TYPE_CHECKING:
    from emulator.hooks import Moto, Result
    from emulator.wire import Call

ROOT = f"arn:aws:iam::{ACCOUNT}:root"


@on("kms", "CreateKey", "PutKeyPolicy")
def put_policy(call: Call, moto: Moto) -> Result:
    """Refuse a policy that names somebody who does not exist, or that nobody could change again."""
    if text := call.params.get("Policy"):
        found = statements(text, "MalformedPolicyDocumentException")
        locked = not any(_allows(statement, "AWS", ROOT, "kms:PutKeyPolicy") for statement in found)
        if locked and not call.params.get("BypassPolicyLockoutSafetyCheck"):
            message = "The new key policy will not allow you to update the key policy in the future."
            raise Refused("MalformedPolicyDocumentException", message)
    return moto()


@on("kms", "EnableKeyRotation")
def enable_rotation(call: Call, moto: Moto) -> Result:
    """Keep how often, which moto forgets."""
    answer = moto()
    moto.memory("periods")[call.params["KeyId"]] = call.params.get("RotationPeriodInDays", 365)
    return answer


@on("kms", "GetKeyRotationStatus")
def rotation_status(call: Call, moto: Moto) -> Result:
    """Tell how often."""
    answer = moto()
    period = moto.memory("periods").get(call.params["KeyId"])
    return answer | ({"RotationPeriodInDays": period} if answer["KeyRotationEnabled"] and period else {})


@on("logs", "CreateLogGroup")
def create_log_group(call: Call, moto: Moto) -> Result:
    """Refuse a key that does not let CloudWatch Logs in."""
    if arn := call.params.get("kmsKeyId"):
        _check_logs(call, arn)
    return moto()


@on("logs", "AssociateKmsKey")
def associate_key(call: Call, moto: Moto) -> Result:
    """Refuse a key that does not let CloudWatch Logs in."""
    _check_logs(call, call.params["kmsKeyId"])
    return moto()


def _check_logs(call: Call, arn: str) -> None:
    keys = kms_backends[ACCOUNT][call.region].keys
    key = next((key for key in keys.values() if key.arn == arn), None)
    found = json.loads(key.policy)["Statement"] if key else []
    service = f"logs.{call.region}.amazonaws.com"
    needed = ("kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey")
    if not all(any(_allows(each, "Service", service, action) for each in found) for action in needed):
        message = f"The specified KMS key does not exist or is not allowed to be used with {service}: {arn}"
        raise Refused("InvalidParameterException", message)


def _allows(statement: dict[str, Any], kind: str, name: str, action: str) -> bool:
    actions = [each.lower() for each in as_list(statement.get("Action", []))]
    named = (kind, name) in principals(statement)
    return statement["Effect"] == "Allow" and named and any(matches(each, action.lower()) for each in actions)
