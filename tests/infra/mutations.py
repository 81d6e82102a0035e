"""The mutation matrix: single faults in a stack's exported document, as data.

Where a fault comes from stands beside it: `2.4` is the matrix of security.md, `CKV...` checkov's catalogue, `FSBP` AWS
Security Hub's controls, `anchors` the faults of amazon-sagemaker-drift-detection; the rest are AWS's own pages. None was
taken from how our rules are written. Two thirds of them no outside judge sees; see `docs/policies.md`.
"""

from __future__ import annotations

from rules.faults import (
    Mutant,
    add,
    arn,
    drop,
    duty,
    gone,
    lacking,
    more,
    pattern,
    policy,
    provider,
    put,
    said,
    step,
    text,
    variable,
    without,
)

DATA, CAPTURE, LOGS = "store-data", "store-capture", "store-logs"
KEY, TOPIC, QUEUE = "aws_kms_key.store-key", "aws_sns_topic.monitor-alerts", "aws_sqs_queue.failed-queue"
CONFIG, MODEL = "aws_sagemaker_endpoint_configuration.serving-config", "aws_sagemaker_model.serving-model"
CONTROLLER, DEPLOYER = "aws_lambda_function.controller-function", "aws_lambda_function.deployer-function"
ALARM, ROLE, POLICY = "aws_cloudwatch_metric_alarm.monitor-", "aws_iam_role.roles-", "aws_iam_role_policy.roles-"
RULE, TARGET = "aws_cloudwatch_event_rule.triggers-", "aws_cloudwatch_event_target.triggers-"
SCHEDULE, PERMISSION = "aws_scheduler_schedule.triggers-", "aws_lambda_permission.triggers-alarmed-permission"
ENDPOINT, MLFLOW = "aws_sagemaker_endpoint.serving-endpoint", "aws_sagemaker_mlflow_tracking_server.tracking-server"
REPOSITORY, FEATURES = "aws_ecr_repository.images-repository", "aws_sagemaker_feature_group.features-group"
GITHUB = "token.actions.githubusercontent.com"
PUSH = "aws_iam_role.delivery-push"
NOBODYS = "999999999999"


def _subject(value):
    """Return a change of the `sub` that the role which pushes images takes; None takes it away."""

    def edit(statements):
        conditions = statements[0]["Condition"]["StringEquals"]
        if value is None:
            del conditions[f"{GITHUB}:sub"]
        elif "*" in value:
            del conditions[f"{GITHUB}:sub"]
            statements[0]["Condition"]["StringLike"] = {f"{GITHUB}:sub": value}
        else:
            conditions[f"{GITHUB}:sub"] = value

    return policy(PUSH, edit)


def _part(kind, bucket, part):
    return f"aws_s3_bucket_{kind}.{bucket}-{part}"


STORAGE = [
    (
        "pab-off",
        "a bucket lets public policies through",
        "2.4",
        put(_part("public_access_block", DATA, "private"), "block_public_policy", False),
    ),
    (
        "pab-acls",
        "a bucket lets public lists through",
        "CKV_AWS_53",
        put(_part("public_access_block", DATA, "private"), "block_public_acls", False),
    ),
    (
        "pab-ignore",
        "a bucket heeds public lists",
        "CKV_AWS_55",
        drop(_part("public_access_block", DATA, "private"), "ignore_public_acls"),
    ),
    (
        "pab-restrict",
        "a bucket with a public policy stays open",
        "CKV_AWS_56",
        put(_part("public_access_block", DATA, "private"), "restrict_public_buckets", False),
    ),
    (
        "pab-missing",
        "a bucket has no public access block",
        "2.4",
        gone(_part("public_access_block", CAPTURE, "private")),
    ),
    (
        "versions-off",
        "versioning is suspended",
        "2.4",
        put(_part("versioning", DATA, "versions"), "versioning_configuration.status", "Suspended"),
    ),
    ("versions-missing", "a bucket has no versioning", "FSBP S3.14", gone(_part("versioning", CAPTURE, "versions"))),
    ("tls-missing", "plain HTTP is not refused", "2.4", gone(_part("policy", DATA, "policy"))),
    (
        "tls-objects-only",
        "plain HTTP is refused for objects only",
        "2.4",
        said(_part("policy", DATA, "policy"), "TlsOnly", Resource=["arn:aws:s3:::shop-prod-data-x/*"]),
    ),
    (
        "tls-inverted",
        "TLS is refused, plain HTTP is not",
        "typing error",
        said(_part("policy", DATA, "policy"), "TlsOnly", Condition={"Bool": {"aws:SecureTransport": "true"}}),
    ),
    (
        "tls-allow",
        "plain HTTP is allowed instead of refused",
        "typing error",
        said(_part("policy", DATA, "policy"), "TlsOnly", Effect="Allow"),
    ),
    (
        "sse-s3",
        "a bucket is encrypted with S3's key",
        "2.4",
        put(
            _part("server_side_encryption_configuration", DATA, "encryption"),
            "rule.apply_server_side_encryption_by_default",
            {"sse_algorithm": "AES256"},
        ),
    ),
    (
        "sse-aws-key",
        "a bucket is encrypted with AWS's own KMS key",
        "FSBP S3.17",
        drop(
            _part("server_side_encryption_configuration", DATA, "encryption"),
            "rule.apply_server_side_encryption_by_default.kms_master_key_id",
        ),
    ),
    (
        "sse-missing",
        "a bucket says nothing about encryption",
        "CKV_AWS_145",
        gone(_part("server_side_encryption_configuration", CAPTURE, "encryption")),
    ),
    (
        "sse-logs-kms",
        "access logs cannot be delivered: SSE-KMS with a key that S3 may not use",
        "AWS: server access logging",
        put(
            _part("server_side_encryption_configuration", LOGS, "encryption"),
            "rule.apply_server_side_encryption_by_default",
            {"sse_algorithm": "aws:kms"},
        ),
    ),
    ("log-missing", "a bucket does not log its accesses", "2.4", gone(_part("logging", DATA, "logging"))),
    (
        "log-loop",
        "a bucket logs into itself",
        "AWS: server access logging",
        put(_part("logging", DATA, "logging"), "target_bucket", "${aws_s3_bucket.store-data.id}"),
    ),
    (
        "log-refused",
        "S3 may not write the access logs",
        "AWS: server access logging",
        without(_part("policy", LOGS, "policy"), "AccessLogs"),
    ),
    (
        "log-anybody",
        "any account's S3 may write the access logs",
        "AWS: confused deputy",
        said(_part("policy", LOGS, "policy"), "AccessLogs", Principal={"AWS": "*"}, Condition=None),
    ),
    (
        "capture-forever",
        "captured requests never expire",
        "2.4",
        drop(_part("lifecycle_configuration", CAPTURE, "lifecycle"), "rule.expiration"),
    ),
    (
        "capture-decade",
        "captured requests are kept for ten years",
        "GDPR, storage limitation",
        put(_part("lifecycle_configuration", CAPTURE, "lifecycle"), "rule.expiration.days", 3650),
    ),
    (
        "capture-versions",
        "old versions of captured requests are kept for ever",
        "GDPR, storage limitation",
        put(
            _part("lifecycle_configuration", CAPTURE, "lifecycle"),
            "rule.noncurrent_version_expiration",
            {"noncurrent_days": 3000},
        ),
    ),
    (
        "lifecycle-missing",
        "a bucket has no lifecycle",
        "CKV2_AWS_61",
        gone(_part("lifecycle_configuration", DATA, "lifecycle")),
    ),
    (
        "lifecycle-off",
        "a lifecycle is off",
        "FSBP S3.13",
        put(_part("lifecycle_configuration", DATA, "lifecycle"), "rule.status", "Disabled"),
    ),
    (
        "lifecycle-prefix",
        "a lifecycle is for one prefix only",
        "AWS: lifecycle rules",
        put(_part("lifecycle_configuration", DATA, "lifecycle"), "rule.filter", {"prefix": "tmp/"}),
    ),
    (
        "uploads-stay",
        "unfinished uploads stay",
        "CKV_AWS_300",
        drop(_part("lifecycle_configuration", DATA, "lifecycle"), "rule.abort_incomplete_multipart_upload"),
    ),
    (
        "models-expire",
        "models that are served expire",
        "T19",
        put(_part("lifecycle_configuration", "store-artifacts", "lifecycle"), "rule.expiration", {"days": 90}),
    ),
    (
        "acl-on",
        "access control lists are on",
        "CKV2_AWS_65",
        put(_part("ownership_controls", DATA, "owner"), "rule.object_ownership", "ObjectWriter"),
    ),
    (
        "acl-public",
        "a list makes a bucket public",
        "CKV_AWS_20",
        add("aws_s3_bucket_acl.public", {"bucket": "${aws_s3_bucket.store-data.id}", "acl": "public-read"}),
    ),
    (
        "bucket-public",
        "a bucket's policy lets anybody read",
        "CKV_AWS_70",
        policy(
            _part("policy", DATA, "policy"),
            lambda s: s.append(
                {
                    "Sid": "Read",
                    "Effect": "Allow",
                    "Principal": "*",
                    "Action": "s3:GetObject",
                    "Resource": "arn:aws:s3:::shop-prod-data-x/*",
                }
            ),
        ),
    ),
    (
        "bucket-foreign",
        "another account may read a bucket",
        "FSBP S3.6",
        policy(
            _part("policy", DATA, "policy"),
            lambda s: s.append(
                {
                    "Sid": "Read",
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{NOBODYS}:root"},
                    "Action": "s3:GetObject",
                    "Resource": "arn:aws:s3:::shop-prod-data-x/*",
                }
            ),
        ),
    ),
    (
        "bucket-lockout",
        "a bucket's policy locks everybody out",
        "CKV_AWS_93",
        said(_part("policy", DATA, "policy"), "TlsOnly", Condition=None),
    ),
    (
        "force-destroy",
        "a bucket goes with everything in it",
        "2.4",
        put(f"aws_s3_bucket.{DATA}", "force_destroy", True),
    ),
    (
        "unprotected",
        "a bucket can be destroyed",
        "AWS: protect stateful resources",
        drop(f"aws_s3_bucket.{DATA}", "lifecycle"),
    ),
    ("key-unprotected", "the key can be destroyed", "FSBP KMS.3", drop(KEY, "lifecycle")),
]
KEYS = [
    ("key-still", "the key is not rotated", "2.4", put(KEY, "enable_key_rotation", False)),
    ("key-public", "anybody may use the key", "2.4", said(KEY, "Roles", Principal={"AWS": "*"})),
    (
        "key-other-account",
        "another account may use the key",
        "FSBP KMS.5",
        said(KEY, "Roles", Principal={"AWS": f"arn:aws:iam::{NOBODYS}:root"}),
    ),
    ("key-service-any", "services may use the key for any account", "2.4", said(KEY, "Services", Condition=None)),
    (
        "key-logs-any",
        "CloudWatch Logs may use the key for any account",
        "AWS: encrypt log data",
        said(KEY, "Logs", Condition=None),
    ),
    (
        "key-direct",
        "everybody in the account may decrypt",
        "AWS: kms:ViaService",
        said(KEY, "ThroughServices", Condition=None),
    ),
    (
        "key-grants",
        "roles may hand the key on to anybody",
        "AWS: kms:GrantIsForAWSResource",
        said(KEY, "Grants", Condition=None),
    ),
    ("key-star", "the key's users may do everything with it", "IAM.21", said(KEY, "Roles", Action=["kms:*"])),
    ("key-locked-out", "nobody can manage the key", "AWS: key policies", without(KEY, "Manage")),
    ("key-short-window", "a deleted key is gone after a week", "FSBP KMS.3", put(KEY, "deletion_window_in_days", 7)),
    ("key-off", "the key is off", "CKV_AWS_227", put(KEY, "is_enabled", False)),
    ("key-no-policy", "the key has the default policy", "CKV2_AWS_64", drop(KEY, "policy")),
    (
        "key-alarms-out",
        "alarms cannot reach the encrypted topic",
        "AWS: alarm did not notify",
        lacking(KEY, "Services", "Principal.Service", "cloudwatch"),
    ),
    (
        "key-role-out",
        "the endpoint may not decrypt its model",
        "AWS: KMS troubleshooting",
        lacking(KEY, "Roles", "Principal.AWS", "-serving"),
    ),
    (
        "key-role-in",
        "whoever pushes images may decrypt the data",
        "least privilege",
        said(KEY, "Roles", Principal={"AWS": [arn("iam", "role/shop-prod-push", region="")]}),
    ),
]
IDENTITY = [
    ("iam-admin", "a role may do everything", "CKV_AWS_62", more("roles-training", "*")),
    (
        "iam-service-star",
        "a role may do all of SageMaker",
        "2.4",
        duty("roles-deployer", "Endpoint", Action=["sagemaker:*"]),
    ),
    (
        "iam-resource-star",
        "a role may write to any bucket",
        "2.4",
        duty("roles-training", "WriteResults", Resource=["*"]),
    ),
    ("iam-s3-star", "a role may do all of S3, anywhere", "2.4", more("roles-training", "s3:*")),
    (
        "iam-prefix-star",
        "a role may do all that begins with Get",
        "IAM Access Analyzer",
        duty("roles-training", "ReadData", Action=["s3:Get*"]),
    ),
    ("iam-typo", "an action is misspelt", "2.4", duty("roles-training", "ReadData", Action=["s3:GetObjec"])),
    (
        "iam-mismatch",
        "objects are read from a bucket's ARN",
        "2.4",
        duty("roles-training", "ReadData", Resource=["arn:aws:s3:::shop-prod-data-" + "111122223333"]),
    ),
    (
        "iam-not-action",
        "a role may do all but IAM",
        "AWS: NotAction with Allow",
        more("roles-training", None, NotAction="iam:*"),
    ),
    (
        "iam-whole-bucket",
        "training may overwrite all of the data",
        "T14",
        more(
            "roles-training",
            ["s3:PutObject"],
            f"arn:aws:s3:::shop-prod-data-{'${data.aws_caller_identity.current.account_id}'}/*",
        ),
    ),
    (
        "iam-delete",
        "monitoring may delete what was captured",
        "least privilege",
        more(
            "roles-monitoring",
            ["s3:DeleteObject"],
            f"arn:aws:s3:::shop-prod-capture-{'${data.aws_caller_identity.current.account_id}'}/*",
        ),
    ),
    (
        "iam-other-stack",
        "a role reaches another stack's endpoint",
        "least privilege",
        duty("roles-deployer", "Endpoint", Resource=[arn("sagemaker", "endpoint/shop-dev")]),
    ),
    (
        "iam-any-region",
        "a role reaches every region",
        "least privilege",
        duty("roles-controller", "Start", Resource=[arn("sagemaker", "pipeline/shop-prod-training", region="*")]),
    ),
    (
        "iam-other-account",
        "a role publishes to another account's topic",
        "exfiltration",
        duty("roles-controller", "Tell", Resource=[arn("sns", "shop-prod-alerts", account=NOBODYS)]),
    ),
    ("passrole-star", "any role is passed on", "2.4", duty("roles-deployer", "PassRole", Resource=["*"])),
    (
        "passrole-any-service",
        "a role is passed to any service",
        "2.4",
        duty("roles-deployer", "PassRole", Condition=None),
    ),
    (
        "passrole-wrong-service",
        "a role is passed to a service that it does not trust",
        "AWS: PassRole",
        duty("roles-deployer", "PassRole", Condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}),
    ),
    (
        "passrole-wrong-role",
        "the deployer passes the controller's role",
        "T9",
        duty("roles-deployer", "PassRole", Resource=[arn("iam", "role/shop-prod-controller", region="")]),
    ),
    (
        "passrole-typo",
        "a role is passed that there is not",
        "AWS: PassRole",
        duty("roles-deployer", "PassRole", Resource=[arn("iam", "role/shop-prod-servin", region="")]),
    ),
    ("kms-any-key", "a role may decrypt with any key", "2.4", more("roles-training", ["kms:Decrypt"])),
    ("metrics-any", "metrics of any namespace", "2.4", duty("roles-monitoring", "Metrics", Condition=None)),
    (
        "metrics-wildcard",
        "metrics of any namespace, by a pattern",
        "IAM Access Analyzer",
        duty("roles-monitoring", "Metrics", Condition={"StringLike": {"cloudwatch:namespace": "*"}}),
    ),
    (
        "escalate-attach",
        "a role may attach policies to itself",
        "CKV_AWS_286",
        more("roles-training", ["iam:AttachRolePolicy"], arn("iam", "role/shop-prod-training", region="")),
    ),
    (
        "escalate-code",
        "a role may change a function's code",
        "CKV_AWS_286",
        more("roles-pipeline", ["lambda:UpdateFunctionCode"], arn("lambda", "function:shop-prod-deployer")),
    ),
    (
        "escalate-assume",
        "a role may assume another",
        "CKV_AWS_286",
        more("roles-training", ["sts:AssumeRole"], arn("iam", "role/shop-prod-deployer", region="")),
    ),
    ("credentials", "a role may make tokens", "CKV_AWS_287", more("roles-training", ["sts:GetFederationToken"])),
    (
        "preview-writes",
        "a pull request's role may change a function",
        "T7",
        more(
            "delivery-preview", ["lambda:UpdateFunctionConfiguration"], arn("lambda", "function:shop-prod-controller")
        ),
    ),
    (
        "preview-data",
        "a pull request's role may read data",
        "T7",
        more(
            "delivery-preview",
            ["s3:GetObject"],
            "arn:aws:s3:::shop-prod-data-${data.aws_caller_identity.current.account_id}/*",
        ),
    ),
    ("user", "there is a user", "FSBP IAM.2", add("aws_iam_user.ci", {"name": "shop-prod-ci"})),
    ("access-key", "there is an access key", "FSBP IAM.2", add("aws_iam_access_key.ci", {"user": "ci"})),
    (
        "admin-attached",
        "AdministratorAccess is attached",
        "CKV_AWS_274",
        add(
            "aws_iam_role_policy_attachment.admin",
            {
                "role": "${aws_iam_role.roles-training.name}",
                "policy_arn": "arn:aws:iam::aws:policy/AdministratorAccess",
            },
        ),
    ),
    (
        "iam-full-attached",
        "IAMFullAccess is attached",
        "CKV2_AWS_56",
        put(ROLE + "training", "managed_policy_arns", ["arn:aws:iam::aws:policy/IAMFullAccess"]),
    ),
    ("no-policy", "a role has lost its policy", "anchors", gone(POLICY + "scheduler-policy")),
    (
        "unknown-policy",
        "a policy hangs on what is only known later",
        "security.md 0.3",
        duty("roles-training", "ReadData", Resource=["${aws_kms_key.store-key.key_id}/*"]),
    ),
    ("policy-no-json", "a policy is no JSON", "typing error", put(POLICY + "training-policy", "policy", "{")),
    (
        "policy-2008",
        "a policy has the version of 2008",
        "AWS: policy version",
        text(POLICY + "training-policy", "policy", lambda d: d.update(Version="2008-10-17")),
    ),
    (
        "policy-odd",
        "a statement has an unknown element",
        "typing error",
        duty("roles-training", "ReadData", Conditions={"Bool": {"aws:SecureTransport": "true"}}),
    ),
]
TRUST = [
    (
        "trust-any-source",
        "SageMaker may assume a role for any account",
        "2.4",
        said(ROLE + "training", "Assume", Condition=None),
    ),
    ("trust-anybody", "anybody may assume a role", "2.4", said(ROLE + "training", "Assume", Principal={"AWS": "*"})),
    (
        "trust-account",
        "another account may assume a role",
        "CKV_AWS_60",
        said(ROLE + "training", "Assume", Principal={"AWS": f"arn:aws:iam::{NOBODYS}:root"}),
    ),
    (
        "trust-all-services",
        "a second service may assume a role",
        "CKV_AWS_61",
        said(ROLE + "training", "Assume", Principal={"Service": ["sagemaker.amazonaws.com", "ec2.amazonaws.com"]}),
    ),
    (
        "trust-second",
        "a second statement lets an account in",
        "AWS: trust policies",
        policy(
            ROLE + "deployer",
            lambda s: s.append(
                {
                    "Sid": "Me",
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{NOBODYS}:root"},
                    "Action": "sts:AssumeRole",
                }
            ),
        ),
    ),
    (
        "trust-wrong-service",
        "Lambda may not assume its function's role",
        "AWS: execution role",
        said(ROLE + "controller", "Assume", Principal={"Service": "events.amazonaws.com"}),
    ),
    ("oidc-owner", "any repository of the owner may push", "2.4", _subject("repo:acme@42/*")),
    (
        "oidc-old-form",
        "the form of a subject before July 2026",
        "security.md 0.1",
        _subject("repo:acme/shop:environment:prod"),
    ),
    ("oidc-any-ref", "any branch may push", "2.4", _subject("repo:acme@42/shop@4711:*")),
    (
        "oidc-branch",
        "a branch instead of an environment",
        "AWS: OIDC for GitHub",
        _subject("repo:acme@42/shop@4711:ref:refs/heads/main"),
    ),
    ("oidc-pull-request", "pull requests may push", "2.4", _subject("repo:acme@42/shop@4711:pull_request")),
    ("oidc-no-sub", "any repository of GitHub may push", "2.4", _subject(None)),
    ("oidc-no-ids", "a recycled name may push", "security.md 0.1", _subject("repo:acme@*/shop@*:environment:prod")),
    (
        "oidc-other-stack",
        "another stack's environment may push",
        "T8",
        _subject("repo:acme@42/shop@4711:environment:dev"),
    ),
    (
        "oidc-no-aud",
        "tokens for others are taken",
        "2.4",
        policy(PUSH, lambda s: s[0]["Condition"]["StringEquals"].pop(f"{GITHUB}:aud")),
    ),
    (
        "oidc-provider",
        "another provider is trusted",
        "T8",
        policy(PUSH, lambda s: s[0].update(Principal={"Federated": f"arn:aws:iam::{NOBODYS}:oidc-provider/{GITHUB}"})),
    ),
    (
        "oidc-audience",
        "the provider takes tokens for others",
        "AWS: OIDC providers",
        put("aws_iam_openid_connect_provider.delivery-github", "client_id_list", ["sts.amazonaws.com", "*"]),
    ),
    (
        "shared-role",
        "the controller works under the deployer's role",
        "one role a duty",
        put(CONTROLLER, "role", "${aws_iam_role.roles-deployer.arn}"),
    ),
    (
        "shared-job-role",
        "the monitor works under the training's role",
        "one role a duty",
        step("monitor", "monitor", "Arguments.RoleArn", arn("iam", "role/shop-prod-training", region="")),
    ),
]
IMAGES = [
    ("ecr-mutable", "tags can be moved", "2.4", put(REPOSITORY, "image_tag_mutability", "MUTABLE")),
    (
        "ecr-no-scan",
        "images are not scanned",
        "2.4",
        put(REPOSITORY, "image_scanning_configuration.scan_on_push", False),
    ),
    (
        "ecr-aes",
        "images are not encrypted with the stack's key",
        "CKV_AWS_136",
        put(REPOSITORY, "encryption_configuration", [{"encryption_type": "AES256"}]),
    ),
    ("ecr-no-lifecycle", "untagged layers stay for ever", "2.4", gone("aws_ecr_lifecycle_policy.images-lifecycle")),
    (
        "ecr-any-expires",
        "tagged images that are served expire",
        "T19",
        text(
            "aws_ecr_lifecycle_policy.images-lifecycle",
            "policy",
            lambda d: d["rules"][0]["selection"].update(tagStatus="any"),
        ),
    ),
    ("ecr-force", "the repository goes with every image in it", "FSBP ECR", put(REPOSITORY, "force_delete", True)),
    (
        "image-latest",
        "the endpoint runs a tag",
        "2.4",
        put(MODEL, "primary_container.image", "${aws_ecr_repository.images-repository.repository_url}:latest"),
    ),
    (
        "image-hub",
        "the endpoint runs an image from Docker Hub",
        "2.4",
        put(MODEL, "primary_container.image", "docker.io/library/python:3.13"),
    ),
    (
        "image-hub-digest",
        "the endpoint runs somebody's image by digest",
        "supply chain",
        put(MODEL, "primary_container.image", f"docker.io/library/python@sha256:{'b' * 64}"),
    ),
    (
        "image-step-tag",
        "training runs a tag",
        "identical environments",
        step(
            "training",
            "train",
            "Arguments.AlgorithmSpecification.TrainingImage",
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop-prod-image:v1",
        ),
    ),
    (
        "image-differs",
        "the monitor runs another digest",
        "identical environments",
        step(
            "monitor",
            "monitor",
            "Arguments.AppSpecification.ImageUri",
            f"{'${data.aws_caller_identity.current.account_id}'}.dkr.ecr.eu-west-1.amazonaws.com/shop-prod-image@sha256:{'b' * 64}",
        ),
    ),
    (
        "image-rollout",
        "the deployer rolls out another image",
        "identical environments",
        variable("deployer", "IMAGE", f"${{aws_ecr_repository.images-repository.repository_url}}@sha256:{'b' * 64}"),
    ),
    (
        "variables-differ",
        "training sees another environment variable",
        "identical environments",
        step("training", "train", "Arguments.Environment", {"SEED": "1"}),
    ),
]
SERVING = [
    (
        "one-instance",
        "the endpoint runs in one zone",
        "2.4",
        put(CONFIG, "production_variants.initial_instance_count", 1),
    ),
    (
        "scales-to-one",
        "autoscaling goes down to one zone",
        "FSBP SageMaker.4",
        put("aws_appautoscaling_target.serving-scaling", "min_capacity", 1),
    ),
    (
        "scales-other",
        "autoscaling is for a variant that there is not",
        "AWS: autoscaling",
        put("aws_appautoscaling_target.serving-scaling", "resource_id", "endpoint/shop-prod/variant/AllTraffic"),
    ),
    (
        "scales-not",
        "nothing makes it scale",
        "AWS: autoscaling",
        gone("aws_appautoscaling_policy.serving-scaling-policy"),
    ),
    (
        "bad-instance",
        "the instance type does not exist",
        "2.4",
        put(CONFIG, "production_variants.instance_type", "ml.m5.huge"),
    ),
    ("endpoint-no-key", "the endpoint's volumes are not encrypted", "2.4", drop(CONFIG, "kms_key_arn")),
    ("capture-no-key", "what is captured is not encrypted", "2.4", drop(CONFIG, "data_capture_config.kms_key_id")),
    (
        "capture-input",
        "answers are not captured",
        "2.4",
        put(CONFIG, "data_capture_config.capture_options", [{"capture_mode": "Input"}]),
    ),
    ("capture-off", "nothing is captured", "closed loop", put(CONFIG, "data_capture_config.enable_capture", False)),
    ("capture-200", "200 % are captured", "2.4", put(CONFIG, "data_capture_config.initial_sampling_percentage", 200)),
    (
        "capture-foreign",
        "requests are captured into somebody's bucket",
        "exfiltration",
        put(CONFIG, "data_capture_config.destination_s3_uri", "s3://evil/requests"),
    ),
    (
        "capture-base64",
        "text is captured as base64",
        "AWS: data capture",
        drop(CONFIG, "data_capture_config.capture_content_type_header"),
    ),
    ("model-not-isolated", "the model reaches the network", "2.4", put(MODEL, "enable_network_isolation", False)),
    ("model-no-vpc", "the model runs outside the VPC", "2.4", drop(MODEL, "vpc_config")),
    (
        "model-one-subnet",
        "the model runs in one zone",
        "FSBP",
        put(MODEL, "vpc_config.subnets", ["${aws_subnet.network-private-a.id}"]),
    ),
    (
        "endpoint-owned",
        "an update of the stack undoes every rollout",
        "terraform-provider-aws #48997",
        drop(ENDPOINT, "lifecycle"),
    ),
    (
        "endpoint-config-typo",
        "the endpoint has a configuration that there is not",
        "anchors",
        put(ENDPOINT, "endpoint_config_name", "shop-prod-base"),
    ),
    ("rollback-none", "no alarm takes a rollout back", "2.4", variable("deployer", "ROLLBACK_ALARMS", "[]")),
    (
        "rollback-drift",
        "the drift alarm takes a rollout back",
        "SageMaker guardrails",
        variable("deployer", "ROLLBACK_ALARMS", '["shop-prod-latency", "shop-prod-errors", "shop-prod-drift"]'),
    ),
    (
        "rollback-typo",
        "a rollback alarm is misspelt",
        "anchors",
        variable("deployer", "ROLLBACK_ALARMS", '["shop-prod-latencies", "shop-prod-errors"]'),
    ),
    (
        "rollback-blind",
        "the deployer may not see its alarms",
        "SageMaker guardrails",
        without(POLICY + "deployer-policy", "Alarms"),
    ),
    (
        "serverless-isolated",
        "a serverless endpoint asks for isolation",
        "AWS: serverless endpoints",
        put(MODEL, "enable_network_isolation", True),
        "serverless",
    ),
    (
        "serverless-memory",
        "a serverless endpoint asks for 1.5 GB",
        "AWS: serverless endpoints",
        put(CONFIG, "production_variants.serverless_config.memory_size_in_mb", 1536),
        "serverless",
    ),
    (
        "mlflow-registers",
        "the tracking server registers models by itself",
        "2.4",
        put(MLFLOW, "automatic_model_registration", True),
    ),
    ("mlflow-size", "the tracking server's size does not exist", "2.4", put(MLFLOW, "tracking_server_size", "Tiny")),
    (
        "mlflow-elsewhere",
        "runs are kept in somebody's bucket",
        "T20",
        put(MLFLOW, "artifact_store_uri", "s3://evil/mlflow"),
    ),
    (
        "features-no-key",
        "online features are not encrypted",
        "AWS: feature store",
        drop(FEATURES, "online_store_config.security_config"),
    ),
    (
        "features-offline-key",
        "offline features are not encrypted",
        "AWS: feature store",
        drop(FEATURES, "offline_store_config.s3_storage_config.kms_key_id"),
    ),
    (
        "features-identifier",
        "a record is found by a column that there is not",
        "AWS: feature store",
        put(FEATURES, "record_identifier_feature_name", "nobody"),
    ),
]
PIPELINES = [
    (
        "step-not-isolated",
        "training reaches the network",
        "2.4",
        step("training", "train", "Arguments.EnableNetworkIsolation", False),
    ),
    (
        "step-prepare-open",
        "preparation reaches the network",
        "FSBP SageMaker.9",
        step("training", "prepare", "Arguments.NetworkConfig.EnableNetworkIsolation", False),
    ),
    (
        "step-plain",
        "training's containers speak in the open",
        "prowler",
        step("training", "train", "Arguments.EnableInterContainerTrafficEncryption", False),
    ),
    (
        "step-monitor-plain",
        "the monitor's containers speak in the open",
        "FSBP SageMaker.10",
        step("monitor", "monitor", "Arguments.NetworkConfig.EnableInterContainerTrafficEncryption"),
    ),
    ("step-no-limit", "training may run for ever", "2.4", step("training", "train", "Arguments.StoppingCondition")),
    (
        "step-month",
        "training may run for a month",
        "T15",
        step("training", "train", "Arguments.StoppingCondition.MaxRuntimeInSeconds", 2_419_200),
    ),
    (
        "step-volume",
        "training's volume is not encrypted",
        "prowler",
        step("training", "train", "Arguments.ResourceConfig.VolumeKmsKeyId"),
    ),
    (
        "step-output",
        "the model is not encrypted",
        "prowler",
        step("training", "train", "Arguments.OutputDataConfig.KmsKeyId"),
    ),
    (
        "step-processing-output",
        "reports are not encrypted",
        "FSBP SageMaker.11",
        step("monitor", "monitor", "Arguments.ProcessingOutputConfig.KmsKeyId"),
    ),
    ("step-no-vpc", "training runs outside the VPC", "prowler", step("training", "train", "Arguments.VpcConfig")),
    (
        "step-many",
        "training runs on forty instances",
        "T15",
        step("training", "train", "Arguments.ResourceConfig.InstanceCount", 40),
    ),
    (
        "step-instance",
        "a step's instance type does not exist",
        "2.4",
        step("training", "train", "Arguments.ResourceConfig.InstanceType", "ml.m5.huge"),
    ),
    ("step-lacks", "a step says no role", "AWS: CreateTrainingJob", step("training", "train", "Arguments.RoleArn")),
    (
        "step-unknown",
        "a step says something that SageMaker does not know",
        "AWS: CreateProcessingJob",
        step("training", "prepare", "Arguments.Enviroment", {"A": "b"}),
    ),
    (
        "step-foreign",
        "results go to somebody's bucket",
        "exfiltration",
        step("monitor", "monitor", "Arguments.ProcessingOutputConfig.Outputs.0.S3Output.S3Uri", "s3://evil/out"),
    ),
    (
        "step-too-early",
        "a step uses what a later one makes",
        "AWS: pipeline steps",
        step(
            "training",
            "prepare",
            "Arguments.ProcessingInputs.0.S3Input.S3Uri",
            {"Get": "Steps.train.ModelArtifacts.S3ModelArtifacts"},
        ),
    ),
    (
        "step-parameter",
        "a step uses a parameter that there is not",
        "AWS: pipeline parameters",
        step("training", "prepare", "Arguments.ProcessingInputs.0.S3Input.S3Uri", {"Get": "Parameters.DataUrl"}),
    ),
    (
        "pipeline-no-json",
        "a pipeline's definition is no JSON",
        "2.4",
        put("aws_sagemaker_pipeline.training-pipeline", "pipeline_definition", "{"),
    ),
    (
        "pipeline-unbounded",
        "nothing bounds parallel steps",
        "T15",
        drop("aws_sagemaker_pipeline.training-pipeline", "parallelism_configuration"),
    ),
    (
        "register-pending",
        "models wait for an approval that the contract does not ask for",
        "SM-08",
        step("training", "register", "Arguments.ModelApprovalStatus", "PendingManualApproval"),
    ),
    (
        "register-rejected",
        "models are registered with no status",
        "SM-08",
        step("training", "register", "Arguments.ModelApprovalStatus"),
    ),
    (
        "register-ungated",
        "models are registered whatever the gates say",
        "SM-08",
        step("training", "verdict", "Arguments.Conditions", []),
    ),
    (
        "register-group",
        "models are registered in another group",
        "anchors",
        step("training", "register", "Arguments.ModelPackageGroupName", "shop-prod-model"),
    ),
    (
        "register-anything",
        "nothing says which artefact was approved",
        "T12",
        step("training", "register", "Arguments.CustomerMetadataProperties.artefact_sha256"),
    ),
]
FUNCTIONS = [
    ("runtime-old", "Python 3.8", "2.4", put(CONTROLLER, "runtime", "python3.8")),
    ("runtime-bogus", "Python 4.2", "2.4", put(CONTROLLER, "runtime", "python4.2")),
    ("lambda-no-dlq", "what a function fails at is lost", "2.4", drop(CONTROLLER, "dead_letter_config")),
    (
        "lambda-dlq-denied",
        "a function may not keep what it fails at",
        "AWS: Lambda DLQ",
        without(POLICY + "controller-policy", "Keep"),
    ),
    (
        "lambda-uncapped",
        "a function runs as often as it likes",
        "2.4",
        drop(CONTROLLER, "reserved_concurrent_executions"),
    ),
    (
        "lambda-stopped",
        "a function cannot run at all",
        "AWS: reserved concurrency",
        put(CONTROLLER, "reserved_concurrent_executions", 0),
    ),
    (
        "lambda-secret",
        "a function's variable holds an access key",
        "2.4",
        variable("controller", "KEY", "AKIAIOSFODNN7EXAMPLE"),
    ),
    (
        "lambda-password",
        "a function's variable is a password",
        "CKV_AWS_45",
        variable("controller", "DB_PASSWORD", "hunter2"),
    ),
    ("lambda-no-key", "a function's variables are not encrypted", "CKV_AWS_173", drop(CONTROLLER, "kms_key_arn")),
    ("lambda-untraced", "a function is not traced", "CKV_AWS_50", drop(CONTROLLER, "tracing_config")),
    (
        "lambda-retries",
        "nobody says how often a wake-up is tried again",
        "AWS: asynchronous invocation",
        gone("aws_lambda_function_event_invoke_config.controller-retries"),
    ),
    (
        "lambda-url",
        "a function can be called from the internet",
        "CKV_AWS_258",
        add(
            "aws_lambda_function_url.open",
            {"function_name": "${aws_lambda_function.controller-function.function_name}", "authorization_type": "NONE"},
        ),
    ),
    (
        "lambda-mute",
        "a function may not write its log",
        "AWS: execution role",
        without(POLICY + "controller-policy", "Logs"),
    ),
    (
        "lambda-topic",
        "a handler tells a topic that there is not",
        "anchors",
        variable("controller", "TOPIC_ARN", arn("sns", "shop-prod-alert")),
    ),
    (
        "lambda-pipeline",
        "the controller starts a pipeline that there is not",
        "anchors",
        variable("controller", "PIPELINE_NAME", "shop-prod-train"),
    ),
    (
        "lambda-variable",
        "a handler's variable is missing",
        "anchors",
        drop(CONTROLLER, "environment.variables.PAUSE_PARAMETER"),
    ),
    (
        "lambda-handler",
        "a function's handler is misspelt",
        "typing error",
        put(CONTROLLER, "handler", "handlers.controler.handler"),
    ),
    ("lambda-three-seconds", "a function has three seconds", "AWS: Lambda timeout", drop(CONTROLLER, "timeout")),
    (
        "lambda-json",
        "a handler's variable is no JSON",
        "typing error",
        variable("controller", "POLICY", "{windows_days: 30}"),
    ),
    ("permission-any", "any rule of any account may invoke a function", "2.4", drop(PERMISSION, "source_arn")),
    (
        "permission-account",
        "a rule of any account may invoke a function",
        "AWS: confused deputy",
        drop(PERMISSION, "source_account"),
    ),
    ("permission-star", "anybody may invoke a function", "2.4", put(PERMISSION, "principal", "*")),
    (
        "permission-all",
        "a service may do everything with a function",
        "AWS: function policies",
        put(PERMISSION, "action", "lambda:*"),
    ),
]
MESSAGES = [
    ("sns-plain", "the topic is not encrypted", "2.4", drop(TOPIC, "kms_master_key_id")),
    (
        "sns-aws-key",
        "the topic is encrypted with a key that alarms cannot use",
        "AWS: alarm did not notify",
        put(TOPIC, "kms_master_key_id", "alias/aws/sns"),
    ),
    (
        "sns-public",
        "anybody may publish",
        "2.4",
        said("aws_sns_topic_policy.monitor-alerts-policy", "Alarms", Principal={"AWS": "*"}),
    ),
    (
        "sns-any-source",
        "alarms of any account may publish",
        "2.4",
        said("aws_sns_topic_policy.monitor-alerts-policy", "Alarms", Condition=None),
    ),
    (
        "sns-deaf",
        "alarms may not publish",
        "AWS: alarm did not notify",
        lacking("aws_sns_topic_policy.monitor-alerts-policy", "Alarms", "Principal.Service", "cloudwatch"),
    ),
    (
        "sns-http",
        "people are told in the open",
        "FSBP",
        put("aws_sns_topic_subscription.monitor-alerts-0", "protocol", "http"),
    ),
    ("sqs-plain", "the queue is not encrypted", "2.4", drop(QUEUE, "kms_master_key_id")),
    ("sqs-short", "what failed is gone after four days", "2.4", put(QUEUE, "message_retention_seconds", 345_600)),
    (
        "sqs-public",
        "anybody may write to the queue",
        "CKV_AWS_168",
        said("aws_sqs_queue_policy.failed-policy", "Rules", Principal="*"),
    ),
    (
        "sqs-star",
        "EventBridge may do everything with the queue",
        "CKV_AWS_72",
        said("aws_sqs_queue_policy.failed-policy", "Rules", Action="sqs:*"),
    ),
    (
        "sqs-any-source",
        "any account's rules may write to the queue",
        "AWS: confused deputy",
        said("aws_sqs_queue_policy.failed-policy", "Rules", Condition=None),
    ),
    (
        "sqs-any-rule",
        "any rule of the account may write to the queue",
        "least privilege",
        said(
            "aws_sqs_queue_policy.failed-policy",
            "Rules",
            Condition={
                "ArnLike": {"aws:SourceArn": arn("events", "rule/*")},
                "StringEquals": {"aws:SourceAccount": "${data.aws_caller_identity.current.account_id}"},
            },
        ),
    ),
    (
        "sqs-closed",
        "EventBridge may not write to the queue",
        "AWS: EventBridge DLQ",
        gone("aws_sqs_queue_policy.failed-policy"),
    ),
]
EVENTS = [
    (
        "target-no-dlq",
        "an event that cannot be delivered is lost",
        "2.4",
        drop(TARGET + "alarmed-target", "dead_letter_config"),
    ),
    (
        "target-no-retry",
        "nobody says how long delivery is tried",
        "AWS: retry policy",
        drop(TARGET + "alarmed-target", "retry_policy"),
    ),
    (
        "target-wrong",
        "a rule wakes the other handler, which does not let it in",
        "anchors",
        put(TARGET + "approved-target", "arn", "${aws_lambda_function.controller-function.arn}"),
    ),
    ("target-gone", "a rule wakes nobody", "anchors", gone(TARGET + "approved-target")),
    (
        "permission-gone",
        "a function does not let its rule in",
        "anchors",
        gone("aws_lambda_permission.triggers-approved-permission"),
    ),
    (
        "permission-other",
        "a function lets another rule in",
        "anchors",
        put(
            "aws_lambda_permission.triggers-approved-permission",
            "source_arn",
            "${aws_cloudwatch_event_rule.triggers-deployed.arn}",
        ),
    ),
    (
        "pattern-any-group",
        "any model's approval wakes the deployer",
        "2.4",
        pattern("approved", lambda p: p.pop("detail")),
    ),
    (
        "pattern-scalar",
        "a pattern's value is no list",
        "2.4",
        pattern("approved", lambda p: p.update(source="aws.sagemaker")),
    ),
    (
        "pattern-typo",
        "a pattern waits for an event that nobody sends",
        "anchors",
        pattern("approved", lambda p: p.update({"detail-type": ["SageMaker Model Package Status Change"]})),
    ),
    (
        "pattern-source",
        "a pattern waits for another sender",
        "anchors",
        pattern("alarmed", lambda p: p.update(source=["aws.sagemaker"])),
    ),
    (
        "pattern-alarm-typo",
        "a pattern waits for an alarm that there is not",
        "anchors",
        pattern("alarmed", lambda p: p["detail"].update(alarmName=["shop-prod-drifted"])),
    ),
    ("pattern-no-json", "a pattern is no JSON", "typing error", put(RULE + "approved", "event_pattern", "{")),
    ("rule-off", "a rule is off", "AWS: PutRule", put(RULE + "approved", "state", "DISABLED")),
    ("schedule-no-dlq", "a missed tick is lost", "2.4", drop(SCHEDULE + "recheck", "target.dead_letter_config")),
    (
        "schedule-expression",
        "a schedule cannot be read",
        "2.4",
        put(SCHEDULE + "recheck", "schedule_expression", "every hour"),
    ),
    (
        "schedule-plural",
        "rate(1 hours)",
        "AWS: rate expressions",
        put(SCHEDULE + "recheck", "schedule_expression", "rate(1 hours)"),
    ),
    (
        "schedule-cron",
        "both days of a cron expression are given",
        "AWS: cron expressions",
        put(SCHEDULE + "recheck", "schedule_expression", "cron(0 12 * * * *)"),
    ),
    (
        "schedule-cron-range",
        "the 32nd of the month",
        "AWS: cron expressions",
        put(SCHEDULE + "recheck", "schedule_expression", "cron(0 12 32 * ? *)"),
    ),
    (
        "schedule-zone",
        "a schedule moves with the season",
        "AWS: time zones",
        put(SCHEDULE + "recheck", "schedule_expression_timezone", "Europe/Berlin"),
    ),
    (
        "schedule-no-key",
        "a schedule's payload is not encrypted",
        "CKV_AWS_297",
        drop(SCHEDULE + "recheck", "kms_key_arn"),
    ),
    ("schedule-off", "a schedule is off", "AWS: CreateSchedule", put(SCHEDULE + "recheck", "state", "DISABLED")),
    (
        "schedule-denied",
        "Scheduler may not start the monitor",
        "anchors",
        without(POLICY + "scheduler-policy", "Monitor"),
    ),
    (
        "schedule-arn",
        "a schedule starts a pipeline that there is not",
        "anchors",
        put(SCHEDULE + "monitoring", "target.arn", arn("sagemaker", "pipeline/shop-prod-monitoring")),
    ),
    ("schedule-gone", "only events wake the deployer", "at-least-once", gone(SCHEDULE + "redeploy")),
    (
        "bucket-mute",
        "new data is not told",
        "AWS: EventBridge for S3",
        put("aws_s3_bucket_notification.store-data-events", "eventbridge", False),
    ),
]
WATCH = [
    ("alarm-silent", "an alarm tells nobody", "2.4", drop(ALARM + "drift", "alarm_actions")),
    (
        "alarm-empty",
        "an alarm's actions are an empty list",
        "cloudwatch-alarm-action-check",
        put(ALARM + "drift", "alarm_actions", []),
    ),
    ("alarm-off", "an alarm's actions are off", "CKV_AWS_319", put(ALARM + "drift", "actions_enabled", False)),
    (
        "alarm-missing-data",
        "an alarm does not say what missing data means",
        "2.4",
        drop(ALARM + "errors", "treat_missing_data"),
    ),
    (
        "alarm-operator",
        "an alarm's operator does not exist",
        "2.4",
        put(ALARM + "drift", "comparison_operator", "MoreThan"),
    ),
    (
        "alarm-datapoints",
        "five of three datapoints",
        "AWS: evaluating alarms",
        put(ALARM + "drift", "datapoints_to_alarm", 5),
    ),
    (
        "alarm-fortnight",
        "an alarm looks back two weeks",
        "AWS: evaluating alarms",
        put(ALARM + "drift", "evaluation_periods", 14),
    ),
    ("heartbeat-gone", "nobody notices that the monitor is dead", "2.4", gone(ALARM + "heartbeat")),
    (
        "heartbeat-lenient",
        "a dead monitor is no alarm",
        "AWS: missing data",
        put(ALARM + "heartbeat", "treat_missing_data", "notBreaching"),
    ),
    (
        "handler-heartbeat",
        "nobody notices that the controller sleeps",
        "closed loop",
        gone(ALARM + "controller_heartbeat"),
    ),
    ("dlq-alarm-gone", "nobody notices what failed", "2.4", gone(ALARM + "failed")),
    ("dlq-alarm-high", "a thousand failures are no alarm", "AWS: DLQ alarms", put(ALARM + "failed", "threshold", 1000)),
    (
        "dlq-alarm-other",
        "the alarm watches another queue",
        "anchors",
        put(ALARM + "failed", "dimensions", {"QueueName": "shop-prod-fail"}),
    ),
    ("error-alarm-gone", "nobody notices that the deployer fails", "FSBP", gone(ALARM + "deployer_errors")),
    (
        "drift-recovers",
        "a day without rows ends a drift alarm",
        "AWS: missing data",
        put(ALARM + "drift", "treat_missing_data", "notBreaching"),
    ),
    (
        "alarm-namespace",
        "an alarm watches a metric that nobody publishes",
        "anchors",
        put(ALARM + "drift", "namespace", "Loop/shop"),
    ),
    (
        "alarm-dimension",
        "an alarm watches another endpoint",
        "anchors",
        put(ALARM + "drift", "dimensions", {"Endpoint": "shop-dev"}),
    ),
    (
        "alarm-account",
        "an alarm watches all functions of the account",
        "AWS: Lambda metrics",
        drop(ALARM + "controller_errors", "dimensions"),
    ),
    ("log-forever", "a log never ends", "2.4", drop("aws_cloudwatch_log_group.controller-logs", "retention_in_days")),
    (
        "log-week",
        "a log ends after a week",
        "CKV_AWS_338",
        put("aws_cloudwatch_log_group.controller-logs", "retention_in_days", 7),
    ),
    (
        "log-odd",
        "a log is kept for 400.5 weeks",
        "2.4",
        put("aws_cloudwatch_log_group.controller-logs", "retention_in_days", 2800),
    ),
    (
        "log-no-key",
        "a log is not encrypted",
        "CKV_AWS_158",
        drop("aws_cloudwatch_log_group.controller-logs", "kms_key_id"),
    ),
    (
        "log-group-gone",
        "Lambda makes the log group, without an end",
        "AWS: Lambda logs",
        gone("aws_cloudwatch_log_group.controller-logs"),
    ),
    (
        "endpoint-log-gone",
        "SageMaker makes the log group, without an end",
        "AWS: endpoint logs",
        gone("aws_cloudwatch_log_group.serving-logs"),
    ),
    ("budget-gone", "nobody watches the spend", "T15", gone("aws_budgets_budget.budget-budget")),
    (
        "budget-all",
        "the budget counts the whole account",
        "AWS: budgets",
        drop("aws_budgets_budget.budget-budget", "cost_filter"),
    ),
    (
        "budget-mute",
        "nobody is told of the spend",
        "T15",
        put("aws_budgets_budget.budget-budget", "notification.subscriber_sns_topic_arns", []),
    ),
    (
        "board-no-json",
        "the dashboard is no JSON",
        "AWS: PutDashboard",
        put("aws_cloudwatch_dashboard.monitor-dashboard", "dashboard_body", "{"),
    ),
    (
        "board-alarm",
        "the dashboard leaves an alarm out",
        "what people look at",
        text(
            "aws_cloudwatch_dashboard.monitor-dashboard",
            "dashboard_body",
            lambda d: d["widgets"][0]["properties"]["alarms"].pop(),
        ),
    ),
    (
        "switch-any",
        "the switch takes anything",
        "closed loop",
        drop("aws_ssm_parameter.controller-paused", "allowed_pattern"),
    ),
    (
        "switch-reset",
        "an update of the stack sets the switch back",
        "closed loop",
        drop("aws_ssm_parameter.controller-paused", "lifecycle"),
    ),
]
STACK = [
    ("tags-none", "nothing is tagged", "ML lens", provider("default_tags")),
    ("tag-owner", "nobody answers for the stack", "ML lens", provider("default_tags.tags.Owner", "")),
    (
        "tag-loop",
        "the budget counts by a tag that nothing carries",
        "AWS: cost allocation",
        provider("default_tags.tags.Loop", "shop"),
    ),
    ("provider-key", "the provider holds an access key", "CKV_AWS_41", provider("access_key", "AKIAIOSFODNN7EXAMPLE")),
    (
        "name-long",
        "a name is longer than its service takes",
        "AWS: quotas",
        put(QUEUE, "name", "shop-prod-" + "x" * 80),
    ),
    ("name-other", "a name is another stack's", "two stacks in one account", put(QUEUE, "name", "shop-dev-failed")),
    ("name-none", "AWS makes a name up", "explicit physical names", drop(QUEUE, "name")),
    ("name-colon", "an endpoint's name has a colon", "AWS: CreateEndpoint", put(ENDPOINT, "name", "shop-prod-a:b")),
    (
        "dangling",
        "a reference to what there is not",
        "2.4",
        put(CONTROLLER, "kms_key_arn", "${aws_kms_key.stor-key.arn}"),
    ),
    ("unknown-attribute", "an attribute that the provider does not know", "2.4", put(TOPIC, "kms_key", "x")),
    (
        "unknown-type",
        "a type that the provider does not know",
        "typing error",
        add("aws_sagemaker_endpoint_config.x", {"name": "shop-prod-x"}),
    ),
    (
        "notebook",
        "there is a notebook",
        "FSBP SageMaker.1",
        add(
            "aws_sagemaker_notebook_instance.x",
            {"name": "shop-prod-x", "role_arn": "${aws_iam_role.roles-training.arn}", "instance_type": "ml.t3.medium"},
        ),
    ),
]
NETWORK = [
    ("ingress-world", "the world gets in", "CKV_AWS_260", put("aws_vpc_security_group_ingress_rule.network-doors-in", "cidr_ipv4", "0.0.0.0/0")),
    ("ingress-ssh", "SSH from the world", "CKV_AWS_24", add("aws_vpc_security_group_ingress_rule.ssh", {"security_group_id": "${aws_security_group.network-workers.id}", "cidr_ipv4": "0.0.0.0/0", "ip_protocol": "tcp", "from_port": 22, "to_port": 22})),
    ("egress-all", "everything goes out", "CKV_AWS_382", put("aws_vpc_security_group_egress_rule.network-workers-out", "ip_protocol", "-1")),
    ("default-group", "the default group lets everything through", "CKV2_AWS_12", gone("aws_default_security_group.network-default")),
    ("internet-gateway", "there is a way to the internet", "private subnets", add("aws_internet_gateway.x", {"vpc_id": "${aws_vpc.network-vpc.id}"})),
    ("public-subnet", "what runs in a subnet gets a public address", "CKV_AWS_130", put("aws_subnet.network-private-a", "map_public_ip_on_launch", True)),
    ("one-zone", "both subnets are in one zone", "FSBP", put("aws_subnet.network-private-b", "availability_zone", "eu-west-1a")),
    ("no-logs-door", "jobs cannot write logs", "AWS: VPC endpoints", gone("aws_vpc_endpoint.network-logs")),
    ("no-private-name", "jobs do not find a door", "AWS: private DNS", put("aws_vpc_endpoint.network-logs", "private_dns_enabled", False)),
    ("group-default-vpc", "a security group lies in the account's default network", "AWS: security groups", drop("aws_security_group.network-workers", "vpc_id")),
    ("subnet-loose", "a subnet has the main route table", "AWS: route tables", gone("aws_route_table_association.network-routes-a")),
    ("no-dns", "private names cannot be found", "AWS: private DNS", put("aws_vpc.network-vpc", "enable_dns_support", False)),
]  # fmt: skip
GROUPS = [
    STORAGE,
    KEYS,
    IDENTITY,
    TRUST,
    IMAGES,
    SERVING,
    PIPELINES,
    FUNCTIONS,
    MESSAGES,
    EVENTS,
    WATCH,
    STACK,
    NETWORK,
]
MUTANTS = [Mutant(*row) for group in GROUPS for row in group]
