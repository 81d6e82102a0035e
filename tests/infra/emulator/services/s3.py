"""S3: notifications are read back as given, policies name people who exist, and logs go where they may be written.

moto loses the notification to EventBridge, and looks for the permission to write logs in one shape of policy only.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from moto.s3.models import FakeBucket

from emulator.hooks import on
from emulator.policy import as_list, matches, principals, statements

if TYPE_CHECKING:
    from emulator.hooks import Moto, Result
    from emulator.wire import Call


def _may_be_logged_to(target_bucket: FakeBucket, target_prefix: str | None) -> bool:
    """Tell whether the policy of a bucket lets S3's log delivery write below a prefix."""
    objects = f"arn:aws:s3:::{target_bucket.name}/{target_prefix or ''}x"
    return any(
        statement["Effect"] == "Allow"
        and ("Service", "logging.s3.amazonaws.com") in principals(statement)
        and any(matches(each, "s3:PutObject") for each in as_list(statement["Action"]))
        and any(matches(each, objects) for each in as_list(statement["Resource"]))
        for statement in as_list(json.loads(target_bucket.policy or b"{}").get("Statement", []))
    )


FakeBucket._log_permissions_enabled_policy = staticmethod(_may_be_logged_to)


@on("s3", "PutBucketNotificationConfiguration")
def put_notifications(call: Call, moto: Moto) -> Result:
    """Keep them."""
    answer = moto()
    moto.memory("notifications")[call.params["Bucket"]] = call.params["NotificationConfiguration"]
    return answer


@on("s3", "GetBucketNotificationConfiguration")
def get_notifications(call: Call, moto: Moto) -> Result:
    """Return moto's, which have the identifiers, and EventBridge where it was asked for."""
    kept = moto.memory("notifications").get(call.params["Bucket"], {})
    events = "EventBridgeConfiguration"
    return moto() | ({events: {}} if events in kept else {})


@on("s3", "PutBucketPolicy")
def put_policy(call: Call, moto: Moto) -> Result:
    """Refuse one that names somebody who does not exist."""
    text = call.params["Policy"]
    statements(text.decode() if isinstance(text, bytes) else text, "MalformedPolicy")
    return moto()


@on("s3", "DeleteBucket")
def delete_bucket(call: Call, moto: Moto) -> Result:
    """Forget its notifications."""
    answer = moto()
    moto.memory("notifications").pop(call.params["Bucket"], None)
    return answer
