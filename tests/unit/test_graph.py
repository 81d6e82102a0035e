from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from loopwright.errors import LoopwrightError
from loopwright.graph import arns, load
from loopwright.graph.model import Reference, Secret, is_cut, parse, text
from loopwright.graph.transparent import transparent

EVALUATE = Path(load.__file__).with_name("evaluate.py")
PYTHON = os.environ.get("LOOPWRIGHT_PYTHON") or (sys.executable if importlib.util.find_spec("pulumi_aws") else None)
needs_pulumi = pytest.mark.skipif(PYTHON is None, reason="needs a python with pulumi-aws: set LOOPWRIGHT_PYTHON")

ACCOUNT = "<<ref:/data:aws:index/getCallerIdentity:getCallerIdentity::current#accountId/-ref>>"
PARTITION = "<<ref:/data:aws:index/getPartition:getPartition::current#partition/-ref>>"
BUCKET = "aws:s3/bucket:Bucket::data"
SETTINGS = """\
name: shop
runtime: python
config:
  owner: {type: string, default: ""}
  days: {type: integer, default: 30}
  keep: {type: boolean, default: true}
  mails: {type: array, items: {type: string}, default: []}
  token: {type: string, secret: true, default: none}
"""

LOOP = """\
import json
import os
import sys

import pulumi
import pulumi_aws as aws

sys.path.append(os.pardir)
import beside
import model

left = {name for name in os.environ if name.startswith(("AWS_", "PULUMI_"))}
assert left == {"AWS_EC2_METADATA_DISABLED"}, left

pulumi.log.warn("the program says something")
print("the program prints something")
me = aws.get_caller_identity()
assert aws.get_caller_identity().account_id == me.account_id


class Store(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("loop:index:Store", name)
        mine = pulumi.ResourceOptions(parent=self, protect=True, ignore_changes=["tags"])
        self.bucket = aws.s3.Bucket("data", bucket=f"b-{me.account_id}", tags={"a": model.WORD}, opts=mine)


bucket = Store("store").bucket
role = aws.iam.Role("job", name="job", assume_role_policy="{}", max_session_duration=3600)
policy = {"Resource": [bucket.arn, pulumi.Output.concat(bucket.arn, "/*")], "Day": bucket.tags["a"]}
aws.iam.RolePolicy("job", role=role.name, policy=pulumi.Output.json_dumps(policy))
zones = aws.get_availability_zones(state="available")
aws.ssm.Parameter(
    "place",
    type="SecureString",
    value=pulumi.Config().require_secret("token"),
    description=pulumi.Output.format("s3://{0}/x for {1}", bucket.bucket, zones.names[1]),
    tags={"hidden": pulumi.Output.secret("hunter2"), "level": pulumi.Output.secret("hunter2").apply(lambda s: s + "!")},
    opts=pulumi.ResourceOptions(depends_on=[role], delete_before_replace=True),
)
aws.lambda_.Function(
    "run",
    role=role.arn,
    code=pulumi.AssetArchive({
        "a.py": pulumi.StringAsset("x = 1"), "lib": pulumi.FileArchive("lib"), "b.bin": pulumi.FileAsset("b.bin")
    }),
)
aws.iam.get_policy_document_output(statements=[{"resources": [bucket.arn], "actions": ["s3:GetObject"]}])
aws.iam.get_policy_document(statements=[])
aws.get_caller_identity(opts=pulumi.InvokeOptions(provider=aws.Provider("other", region="us-east-1")))
pulumi.export("zones", zones.names)
pulumi.export("session", role.max_session_duration)
pulumi.export("described", role.description)
pulumi.export("secret", pulumi.Output.secret({"deep": ["hunter2"]}))
"""

OPAQUE = """\
import hashlib

import pulumi
import pulumi_aws as aws

here = aws.get_region().region
zones = aws.get_availability_zones().names
bucket = aws.s3.Bucket("data", bucket="shop")
net = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16")


def export(name, output, look):
    pulumi.export(name, output.apply(look))


export("equal", bucket.bucket, lambda name: name == "shop")
export("starts", bucket.arn, lambda arn: "right" if arn.startswith("arn:") else "wrong")
export("hash", bucket.arn, lambda arn: hashlib.sha256(arn.encode()).hexdigest())
export("length", bucket.arn, len)
export("truth", net.enable_dns_hostnames, lambda names: "named" if names else "bare")
export("account", bucket.arn, lambda arn: arn.split(":")[4])
pulumi.export("europe", here.startswith("eu-"))
for number, _ in enumerate(zones):
    aws.sns.Topic(f"topic-{number}")
pulumi.export("fine", pulumi.Output.concat("s3://", bucket.bucket))
pulumi.export("all", zones)
"""


def project(folder: Path, source: str, **stacks: str) -> Path:
    infra = folder / "infra"
    infra.mkdir(parents=True)
    (infra / "Pulumi.yaml").write_text(SETTINGS)
    (infra / "__main__.py").write_text(source)
    for stack, config in (stacks or {"dev": "config: {aws:region: eu-west-1}"}).items():
        (infra / f"Pulumi.{stack}.yaml").write_text(config)
    return folder


def evaluated(folder: Path, source: str, **kwargs):
    return load.load(project(folder, source), "dev", python=Path(PYTHON), **kwargs)


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    folder = project(tmp_path_factory.mktemp("loop"), LOOP)
    infra = folder / "infra"
    (infra / "model.py").write_text('WORD = "ours"\n')  # the name of a module beside evaluate.py
    (folder / "beside.py").touch()
    (infra / "lib").mkdir()
    (infra / "lib" / "c.py").write_text("y = 2")
    (infra / "b.bin").write_bytes(b"\xff\x00")
    environment = {**os.environ, "AWS_REGION": "us-west-2", "AWS_SECRET_ACCESS_KEY": "x", "PULUMI_ACCESS_TOKEN": "x"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    words = [PYTHON, str(EVALUATE), "infra", "dev", "--set", "token=swordfish"]
    return [
        subprocess.run(words, cwd=folder, env=environment, capture_output=True, check=True) for _ in range(2)
    ], infra


@pytest.fixture(scope="module")
def graph(loop):
    return parse(json.loads(loop[0][0].stdout))


@needs_pulumi
def test_two_runs_print_the_same_and_leave_nothing_behind(loop):
    (first, second), infra = loop
    assert first.stdout == second.stdout
    assert b"the program says something" in first.stderr
    assert b"the program prints something" in first.stderr
    assert not list(infra.parent.rglob("__pycache__"))


@needs_pulumi
def test_no_secret_is_in_the_document(loop, graph):
    assert b"hunter2" not in loop[0][0].stdout
    assert b"swordfish" not in loop[0][0].stdout
    place = graph["aws:ssm/parameter:Parameter::place"]
    assert text(place.inputs["value"]) == (Secret(where="config#shop:token"),)
    assert text(place.inputs["tags"]["hidden"]) == (Secret(where=f"{place.id}#tags.hidden"),)
    assert graph.outputs["secret"] == str(Secret(where="outputs#secret"))
    assert graph.config["shop:token"] == str(Secret(where="config#shop:token"))


@needs_pulumi
def test_tokens_come_through_what_a_program_does_with_outputs(graph):
    policy = json.loads(graph["aws:iam/rolePolicy:RolePolicy::job"].inputs["policy"])
    arn = Reference(node=BUCKET, property="arn")
    assert policy == {"Resource": [str(arn), f"{arn}/*"], "Day": "ours"}
    place = graph["aws:ssm/parameter:Parameter::place"]
    assert place.references[0] == Reference(node=BUCKET, property="bucket")
    assert place.references[1].property == "names"
    assert place.references[1].path == "[1]"
    assert graph["aws:iam/rolePolicy:RolePolicy::job"].references == (
        arn,
        Reference(node="aws:iam/role:Role::job", property="name"),
    )


@needs_pulumi
def test_nodes_keep_where_they_belong_and_what_is_asked_of_them(graph):
    bucket, place = graph[BUCKET], graph["aws:ssm/parameter:Parameter::place"]
    assert (bucket.parent, bucket.protect, bucket.ignore_changes) == ("loop:index:Store::store", True, ("tags",))
    assert graph.children("loop:index:Store::store") == (bucket,)
    assert graph.of_type("aws:s3/bucket:Bucket") == (bucket,)
    assert (graph["loop:index:Store::store"].kind, bucket.inputs["bucket"]) == ("component", f"b-{ACCOUNT}")
    assert set(place.depends_on) == {"aws:iam/role:Role::job", BUCKET}
    assert dict(place.options) == {"deleteBeforeReplace": True}
    assert [node.name for node in graph.of_type("aws:index/getCallerIdentity:getCallerIdentity")] == ["2", "current"]
    documents = graph.of_type("aws:iam/getPolicyDocument:getPolicyDocument")
    assert [node.name for node in documents] == ["1", "2"]
    assert {reference for node in documents for reference in node.references} == {bucket.to("arn")}
    assert list(graph.nodes) == sorted(graph.nodes)


@needs_pulumi
def test_what_is_no_text_comes_back_as_it_went(graph):
    zones = graph.of_type("aws:index/getAvailabilityZones:getAvailabilityZones")[0]
    assert graph.outputs["zones"] == f"<<ref:/{zones.id}#names[*]/-ref>>"
    assert isinstance(graph.outputs["session"], int)
    assert graph.outputs.get("described") is None


@needs_pulumi
def test_archives_are_their_content(graph):
    archive = graph["aws:lambda/function:Function::run"].inputs["code"]
    assert archive == {"__archive__": {"a.py": "x = 1", "b.bin": {"__bytes__": "/wA="}, "lib/c.py": "y = 2"}}


@needs_pulumi
def test_a_program_that_looks_into_what_it_cannot_know_is_not_transparent(tmp_path):
    tokens = evaluated(tmp_path, OPAQUE)
    concrete = load.load(tmp_path, "dev", python=Path(PYTHON), answers="concrete")
    found = transparent(tokens, concrete)
    seen = {line.split()[1].rstrip(":") for line in found if line.startswith("export")}
    assert seen == {"equal", "starts", "hash", "length", "truth", "account", "europe"}
    assert "aws:sns/topic:Topic::topic-3: only with values" in found


@needs_pulumi
def test_a_program_that_passes_values_on_is_transparent(loop):
    concrete = load.load(
        loop[1].parent, "dev", settings={"token": "swordfish"}, python=Path(PYTHON), answers="concrete"
    )
    tokens = parse(json.loads(loop[0][0].stdout))
    assert concrete.config["shop:token"] == tokens.config["shop:token"]
    assert concrete.outputs["zones"] == [f"eu-west-1{letter}" for letter in "abcd"]
    assert transparent(tokens, concrete) == []


@needs_pulumi
def test_configuration_reaches_the_program_as_from_the_engine(tmp_path):
    source = "import pulumi\nconfig = pulumi.Config()\nfor key in ('owner', 'days', 'keep', 'mails', 'extra'):\n"
    source += "    pulumi.export(key, config.get(key))\n"
    stack = "config: {shop:owner: on, shop:keep: false, shop:mails: [a@b.c], other:extra: 1, shop:extra: 2024-01-01}"
    project(tmp_path, source, dev=stack)
    graph = load.load(tmp_path, "dev", settings={"days": "7"}, python=Path(PYTHON))
    assert graph.outputs == {"owner": "on", "days": "7", "keep": "false", "mails": '["a@b.c"]', "extra": "2024-01-01"}


@needs_pulumi
@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import pulumi\nraise pulumi.RunError('days: too many\\nof them')", "days: too many\n    of them"),
        ("import pulumi\npulumi.log.error('no such luck')", "no such luck"),
        ("import pulumi_aws as aws\naws.s3.Bucket.get('old', 'id')", "Bucket.get('old'): what exists already"),
        ("import pulumi\npulumi.StackReference('a/b/c')", "StackReference 'a/b/c': no other stack"),
        ("import pulumi\npulumi.runtime.register_resource_transform(lambda args: None)", "transforms are run by"),
        ("import pulumi\npulumi.runtime.register_invoke_transform(lambda args: None)", "transforms are run by"),
        (
            "import pulumi_aws as aws\nfor _ in 'ab':\n    aws.sns.Topic('one')",
            "two resources aws:sns/topic:Topic::one",
        ),
        ("import pulumi_aws as aws\naws.sns.Topic('a#b')", "aws:sns/topic:Topic::a#b: a name is"),
    ],
)
def test_the_text_of_a_refusal_is_told_alone(tmp_path, source, told):
    with pytest.raises(LoopwrightError) as caught:
        evaluated(tmp_path, source)
    assert told in caught.value.because
    assert "Traceback" not in caught.value.because
    assert caught.value.what == "infra/ cannot be evaluated for stack dev"


@needs_pulumi
def test_of_an_accident_the_last_lines_are_told(tmp_path):
    with pytest.raises(LoopwrightError) as caught:
        evaluated(tmp_path, "one = 1\none / 0")
    assert caught.value.because.endswith("ZeroDivisionError: division by zero")
    assert len(caught.value.because.splitlines()) <= 3


@needs_pulumi
@pytest.mark.parametrize(
    ("settings", "told"), [({"days": "many"}, "'shop:days' is not of the type integer"), ({"keep": "yes"}, "boolean")]
)
def test_a_value_of_another_type_is_refused(tmp_path, settings, told):
    with pytest.raises(LoopwrightError) as caught:
        evaluated(tmp_path, "", settings=settings)
    assert told in caught.value.because


def test_an_unknown_stack_is_told_the_known_ones(tmp_path):
    with pytest.raises(LoopwrightError) as caught:
        load.load(project(tmp_path, "", dev="", prod=""), "test")
    assert "dev, prod" in caught.value.because


def test_a_project_without_a_program_is_told(tmp_path):
    with pytest.raises(LoopwrightError, match="no infrastructure"):
        load.load(tmp_path, "dev")


def test_without_its_python_the_project_is_to_be_set_up(tmp_path, monkeypatch):
    monkeypatch.delenv("LOOPWRIGHT_PYTHON", raising=False)
    with pytest.raises(LoopwrightError) as caught:
        load.load(project(tmp_path, ""), "dev")
    assert "make setup" in caught.value.attempt


def test_a_missing_package_is_to_be_set_up(tmp_path):
    python = tmp_path / "python"
    python.write_text(
        "#!/bin/sh\necho 'Traceback (most recent call last):' >&2\necho 'ModuleNotFoundError: pulumi' >&2\nexit 1"
    )
    python.chmod(0o755)
    with pytest.raises(LoopwrightError) as caught:
        load.load(project(tmp_path, ""), "dev", python=python)
    assert caught.value.because == "ModuleNotFoundError: pulumi"
    assert "make setup" in caught.value.attempt


def test_neither_credentials_nor_our_own_path_go_to_the_project(tmp_path, monkeypatch):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "<$AWS_PROFILE$PULUMI_HOME$PYTHONPATH>" >&2\nexit 1')
    python.chmod(0o755)
    for name in ("AWS_PROFILE", "PULUMI_HOME", "PYTHONPATH"):
        monkeypatch.setenv(name, "x")
    with pytest.raises(LoopwrightError) as caught:
        load.load(project(tmp_path, ""), "dev", python=python)
    assert caught.value.because == "<>"


def test_a_program_that_never_ends_is_told(tmp_path, monkeypatch):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec sleep 9")
    python.chmod(0o755)
    monkeypatch.setattr(load, "_SECONDS", 0.1)
    with pytest.raises(LoopwrightError) as caught:
        load.load(project(tmp_path, ""), "dev", python=python)
    assert "within 0.1 seconds" in caught.value.because


def test_a_text_falls_into_its_parts():
    reference, secret = Reference(node="a:b/c:C::n", property="p", path="[0].q"), Secret(where="config#a:b")
    assert text(f"x{reference}{secret}y") == ("x", reference, secret, "y")
    assert text("plain") == ("plain",)
    assert text("") == ()


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:20],
        lambda token: token[20:],
        lambda token: token.upper(),
        lambda token: token.split("/")[-1],
        lambda token: token.split("/")[2],
        lambda token: token.replace("<", "%3C").replace(">", "%3E"),
        lambda token: token.replace("-", "_"),
    ],
)
def test_what_is_left_of_a_cut_token_is_seen(change):
    left = change(f"<<ref:/{BUCKET}#arn/-ref>>")
    assert any(is_cut(part) for part in text(left) if isinstance(part, str))


@pytest.mark.parametrize("literal", ["arn:aws:s3:::b/*", "a << b", "https://x/-y", "aws:ref", "<arn>", "href:/x"])
def test_no_literal_is_taken_for_a_cut_token(literal):
    assert not is_cut(literal)


def made(*nodes: dict, **config: str):
    defaults = {"kind": "resource", "parent": None, "dependsOn": [], "protect": False, "ignoreChanges": []}
    entries = [
        {"id": f"{node['type']}::{node['name']}", "provider": None, "inputs": {}, **defaults, **node} for node in nodes
    ]
    document = {"format": 1, "project": "shop", "stack": "dev", "config": config, "nodes": entries, "outputs": {}}
    return parse(document)


@pytest.mark.parametrize(
    ("kind", "inputs", "arn", "identity"),
    [
        ("aws:s3/bucket:Bucket", {"bucket": "b"}, "s3:::b", "b"),
        ("aws:iam/role:Role", {"name": "r"}, f"iam::{ACCOUNT}:role/r", "r"),
        ("aws:iam/role:Role", {"name": "r", "path": "/loop/"}, f"iam::{ACCOUNT}:role/loop/r", "r"),
        ("aws:sagemaker/pipeline:Pipeline", {"pipelineName": "P"}, f"sagemaker:eu-west-1:{ACCOUNT}:pipeline/p", "P"),
        ("aws:sagemaker/model:Model", {"name": "M"}, None, "M"),
        (
            "aws:sqs/queue:Queue",
            {"name": "q"},
            f"sqs:eu-west-1:{ACCOUNT}:q",
            f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/q",
        ),
        ("aws:cloudwatch/logGroup:LogGroup", {"name": "/l"}, f"logs:eu-west-1:{ACCOUNT}:log-group:/l", "/l"),
        ("aws:ssm/parameter:Parameter", {"name": "/p"}, f"ssm:eu-west-1:{ACCOUNT}:parameter/p", "/p"),
        (
            "aws:scheduler/schedule:Schedule",
            {"name": "s"},
            f"scheduler:eu-west-1:{ACCOUNT}:schedule/default/s",
            "default/s",
        ),
        ("aws:cloudwatch/eventRule:EventRule", {"name": "e"}, f"events:eu-west-1:{ACCOUNT}:rule/e", "e"),
        (
            "aws:cloudwatch/eventRule:EventRule",
            {"name": "e", "eventBusName": "b"},
            f"events:eu-west-1:{ACCOUNT}:rule/b/e",
            "b/e",
        ),
        ("aws:cloudwatch/eventRule:EventRule", {"name": "e", "eventBusName": "arn:aws:x"}, None, None),
        ("aws:kms/key:Key", {}, None, None),
        ("aws:s3/bucket:Bucket", {}, None, None),
    ],
)
def test_names_and_arns_are_known_beforehand(kind, inputs, arn, identity):
    graph = made({"type": kind, "name": "x", "inputs": inputs}, **{"aws:region": "eu-west-1"})
    node = graph[f"{kind}::x"]
    expected = f"arn:{PARTITION}:{arn}" if arn else None
    assert arns.arn(node, "eu-west-1") == expected
    assert arns.known(graph, node.to("arn")) == expected
    assert arns.known(graph, node.to("id")) == identity


def test_names_are_resolved_through_other_names():
    graph = made(
        {"type": "aws:s3/bucket:Bucket", "name": "data", "inputs": {"bucket": f"b-{ACCOUNT}"}},
        {"type": "aws:sqs/queue:Queue", "name": "q", "inputs": {"name": f"<<ref:/{BUCKET}#id/-ref>>-Queue"}},
        {"type": "aws:kms/key:Key", "name": "key"},
        {
            "type": "aws:sagemaker/pipeline:Pipeline",
            "name": "p",
            "inputs": {"pipelineName": "<<ref:/aws:sqs/queue:Queue::q#name/-ref>>"},
        },
        **{"aws:region": "eu-west-1"},
    )
    assert arns.resolve(graph, "<<ref:/aws:sqs/queue:Queue::q#name/-ref>>") == f"b-{ACCOUNT}-Queue"
    key = "<<ref:/aws:kms/key:Key::key#arn/-ref>>"
    assert arns.resolve(graph, f"{key} <<ref:/{BUCKET}#arn/-ref>>") == f"{key} arn:{PARTITION}:s3:::b-{ACCOUNT}"
    assert arns.resolve(graph, "<<ref:/aws:sagemaker/pipeline:Pipeline::p#arn/-ref>>").endswith(
        f"pipeline/b-{ACCOUNT}-queue"
    )


def test_the_digest_follows_the_content():
    one, other = ({"type": "aws:s3/bucket:Bucket", "name": "a", "inputs": {"bucket": name}} for name in "ab")
    assert made(one).digest == made(one).digest != made(other).digest


def test_another_format_is_refused():
    with pytest.raises(LoopwrightError, match="cannot be read"):
        parse({"format": 2})
