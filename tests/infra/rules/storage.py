"""Buckets."""

from __future__ import annotations

from rules.plan import ACCOUNT, capturing, first
from rules.registry import rule
from rules.statements import policies, statements

PRIVATE = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
LONGEST_CAPTURE_DAYS = 365
# Keys of what holds rows of somebody: requests, what the monitor keeps of them, and those with labels.
ROWS = ("requests/x", "state/rows/x", "labelled/2026-01-01T00-00Z.parquet")


def _buckets(plan):
    return plan.of("aws_s3_bucket")


def _log_buckets(plan):
    return [plan.referred(logging["target_bucket"]) for logging in plan.of("aws_s3_bucket_logging")]


def _part(plan, bucket, kind):
    """Return the one resource of a kind that a bucket has; None where there is none, or two that contradict."""
    found = plan.belonging(kind, "bucket", bucket)
    return found[0] if len(found) == 1 else None


def _without(plan, kind, holds):
    """Yield the buckets that have no such part, or one that does not hold."""
    for bucket in _buckets(plan):
        part = _part(plan, bucket, kind)
        if part is None or not holds(part):
            yield bucket


@rule("S3-PAB", "S3.1, S3.2, S3.3, S3.8; CIS 2.1.4")
def private(plan):
    """Every bucket blocks public access in all four ways."""
    for bucket in _without(plan, "aws_s3_bucket_public_access_block", lambda p: all(p[k] is True for k in PRIVATE)):
        yield bucket.address, "public access is not blocked in all four ways"


@rule("S3-TLS", "S3.5; CIS 2.1.1")
def tls(plan):
    """Every bucket refuses everything that does not come over TLS, for itself and for its objects."""
    for bucket in _buckets(plan):
        arn = plan.arn(bucket)
        found = [
            statement
            for policy in policies(plan, "bucket")
            if plan.referred(policy.resource["bucket"]) is bucket
            for statement in policy.statements
        ]
        if not any(_refuses_plain(statement, {arn, f"{arn}/*"}) for statement in found):
            yield bucket.address, "plain HTTP is not refused for the bucket and its objects"


def _refuses_plain(statement, arns):
    everything = statement.actions == ["s3:*"] and statement.principals("AWS") == ["*"]
    plain = statement.raw.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
    return not statement.allows and everything and plain and arns <= set(statement.resources)


@rule("S3-LOG", "S3.9")
def access_logs(plan):
    """Every bucket logs its accesses to another bucket; the bucket that takes the logs is the one exception."""
    takers = _log_buckets(plan)
    for bucket in _buckets(plan):
        logging = _part(plan, bucket, "aws_s3_bucket_logging")
        target = plan.referred(logging["target_bucket"]) if logging else None
        if bucket not in takers and target is None:
            yield bucket.address, "accesses are not logged"
        if logging and (target is bucket or not logging["target_prefix"]):
            yield bucket.address, "its access logs go into itself, or are not kept apart from others'"
    for taker in {taker.address: taker for taker in takers if taker}.values():
        if not any(s.grants("s3:PutObject", f"{plan.arn(taker)}/x") for s in _log_statements(plan, taker)):
            yield taker.address, "S3 may not write the access logs that it is to keep"


def _log_statements(plan, bucket):
    return [
        statement
        for policy, statement in statements(plan, "bucket")
        if plan.referred(policy.resource["bucket"]) is bucket
        and "logging.s3.amazonaws.com" in statement.principals("Service")
    ]


@rule("S3-LIFE", "S3.10, S3.13")
def lifecycle(plan):
    """Every bucket removes old versions and unfinished uploads of any key."""
    kind = "aws_s3_bucket_lifecycle_configuration"
    for bucket in _without(plan, kind, _tidies):
        yield bucket.address, "old versions or unfinished uploads stay for ever"
    for bucket in {bucket.address: bucket for bucket in _log_buckets(plan) if bucket}.values():
        part = _part(plan, bucket, kind)
        if part and not any(_number(first(each.get("expiration")), "days") for each in _enabled(part)):
            yield bucket.address, "access logs stay for ever"


def _tidies(part):
    rules = [each for each in _enabled(part) if _everywhere(each)]
    old = any(_number(first(each.get("noncurrent_version_expiration")), "noncurrent_days") for each in rules)
    unfinished = any(
        _number(first(each.get("abort_incomplete_multipart_upload")), "days_after_initiation") for each in rules
    )
    return old and unfinished


def _enabled(part):
    return [each for each in part.blocks("rule") if each.get("status") == "Enabled"]


def _everywhere(rule):
    """Tell whether a rule of a lifecycle is for every key."""
    chosen = first(rule.get("filter")) or {}
    return not rule.get("prefix") and not any(chosen.values())


def _number(block, key):
    found = (block or {}).get(key)
    return isinstance(found, int) and found > 0


@rule("S3-CAPTURE-EXPIRES", "T13: captured requests hold personal data")
def capture_expires(plan):
    """The bucket that captured requests go to deletes them, and their old versions, after at most a year."""
    for bucket in capturing(plan):
        if not _expires(plan, bucket):
            yield bucket.address, "captured requests are kept for ever, or longer than a year"


def _expires(plan, bucket):
    part = _part(plan, bucket, "aws_s3_bucket_lifecycle_configuration")
    rules = _enabled(part) if part else []
    everywhere = [each for each in rules if _everywhere(each)]
    old = [(first(each.get("noncurrent_version_expiration")) or {}).get("noncurrent_days") for each in everywhere]
    days = [[(first(each.get("expiration")) or {}).get("days") for each in rules if _covers(each, key)] for key in ROWS]
    return all(any(isinstance(d, int) and 0 < d <= LONGEST_CAPTURE_DAYS for d in found) for found in (old, *days))


def _covers(rule, key):
    """Tell whether a rule of a lifecycle is for a key."""
    return key.startswith((first(rule.get("filter")) or {}).get("prefix") or "")


@rule("S3-LIVE", "T19: what is in use must not expire")
def live(plan):
    """Nothing but captured requests and access logs expires by its age: models and data stay while they are in use."""
    spared = [*_log_buckets(plan), *capturing(plan)]
    for bucket in _buckets(plan):
        part = _part(plan, bucket, "aws_s3_bucket_lifecycle_configuration")
        if part and bucket not in spared and any(each.get("expiration") for each in _enabled(part)):
            yield bucket.address, "live objects expire by their age"


@rule("S3-ACL", "S3.12")
def no_lists(plan):
    """Every bucket's objects belong to its owner; access control lists are off."""
    kind = "aws_s3_bucket_ownership_controls"
    for bucket in _without(plan, kind, lambda p: p["rule.object_ownership"] == "BucketOwnerEnforced"):
        yield bucket.address, "access control lists are not off"
    for resource in plan.of("aws_s3_bucket_acl"):
        yield resource.address, "it sets an access control list"


@rule("S3-VERS", "S3.14")
def versions(plan):
    """Every bucket keeps versions."""
    kind = "aws_s3_bucket_versioning"
    for bucket in _without(plan, kind, lambda p: p["versioning_configuration.status"] == "Enabled"):
        yield bucket.address, "it keeps no versions"


@rule("S3-KMS", "S3.17")
def encrypted(plan):
    """Every bucket encrypts with the stack's key; that for access logs with S3's own, because S3 cannot otherwise."""
    for bucket in _buckets(plan):
        part = _part(plan, bucket, "aws_s3_bucket_server_side_encryption_configuration")
        default = part and part["rule.apply_server_side_encryption_by_default"]
        default = first(default) or {}
        if bucket in _log_buckets(plan):
            if default.get("sse_algorithm") != "AES256":
                yield bucket.address, "S3 delivers access logs only where its own encryption is used"
        elif default.get("sse_algorithm") != "aws:kms" or not _own_key(plan, default.get("kms_master_key_id")):
            yield bucket.address, "it is not encrypted with a key of the stack"
        elif part["rule.bucket_key_enabled"] is not True:
            yield bucket.address, "every object asks for its own data key, which costs by the request"


def _own_key(plan, value):
    key = plan.referred(value)
    return key is not None and key.type == "aws_kms_key"


@rule("S3-NODESTROY", "AWS docs: protect stateful resources")
def kept(plan):
    """Where a stack keeps its data, its buckets, its key and the repository's images cannot be destroyed."""
    if not plan.stack.keeps_data:
        return
    for resource in plan.of("aws_s3_bucket", "aws_kms_key"):
        if resource["lifecycle.prevent_destroy"] is not True or resource["force_destroy"]:
            yield resource.address, "it can be destroyed with everything in it"
    for resource in plan.of("aws_ecr_repository"):
        if resource["force_delete"]:
            yield resource.address, "it can be deleted with every image in it"


@rule("S3-FOREIGN", "S3.6")
def foreign(plan):
    """A bucket's policy allows nothing to anybody but AWS services that act for this account."""
    for policy, statement in statements(plan, "bucket"):
        if statement.allows and (statement.principals("AWS") or statement.principals("Federated")):
            yield policy.where, f"{statement.sid} lets somebody in from outside the stack"
        if statement.allows and statement.condition("aws:SourceAccount", "StringEquals") != [ACCOUNT]:
            yield policy.where, f"{statement.sid} lets a service act for another account"
