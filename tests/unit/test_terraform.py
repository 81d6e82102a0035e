from __future__ import annotations

import hashlib
import io
import json
import sys
import zipfile
from pathlib import PurePosixPath

import pytest

import reduce_schema
from loopwright.errors import LoopwrightError, TargetError
from loopwright.graph.model import parse
from loopwright.repository.plan import Action
from loopwright.terraform.document import document
from loopwright.terraform.export import export
from loopwright.terraform.names import Block, Schema, schema
from loopwright.terraform.write import write

BUCKET, KEY = "aws:s3/bucket:Bucket", "aws:kms/key:Key"
QUEUE, POLICY, PARAMETER = "aws:sqs/queue:Queue", "aws:iam/rolePolicy:RolePolicy", "aws:ssm/parameter:Parameter"
FUNCTION = "aws:lambda/function:Function"
DATA = f"{BUCKET}::data"
CALLER = "aws:index/getCallerIdentity:getCallerIdentity"


def ref(node: str, name: str) -> str:
    return f"<<ref:/{node}#{name}/-ref>>"


def node(of: str, name: str = "x", inputs: dict | None = None, **rest) -> dict:
    prefix = "data:" if rest.get("kind") == "data" else ""
    empty = {"parent": None, "dependsOn": [], "protect": False, "ignoreChanges": [], "provider": None}
    found = {"id": f"{prefix}{of}::{name}", "type": of, "name": name, "kind": "resource", "inputs": inputs or {}}
    return {**found, **empty, **rest}


def graph(*nodes: dict, outputs: dict | None = None, config: dict | None = None):
    config = {"aws:region": "eu-west-1"} if config is None else config
    nodes = sorted(nodes, key=lambda entry: entry["id"])
    shared = {"format": 1, "project": "shop", "stack": "dev", "config": config}
    return parse({**shared, "nodes": nodes, "outputs": outputs or {}})


def content(*nodes: dict, **rest):
    return document(graph(*nodes, **rest)).content


def resource(*nodes: dict, kind: str, name: str = "x"):
    return content(*nodes)["resource"][kind][name]


def refusal(*nodes: dict, **rest) -> str:
    with pytest.raises(LoopwrightError, match="cannot be written for Terraform") as caught:
        document(graph(*nodes, **rest))
    return caught.value.because


def test_names_follow_the_schema():
    alarm = {"name": "a", "comparisonOperator": "x", "evaluationPeriods": 2, "alarmActions": ["arn:a"]}
    metric = {"metricQueries": [{"id": "m", "metric": {"metricName": "n", "dimensions": {"EndpointName": "e"}}}]}
    assert resource(
        node("aws:cloudwatch/metricAlarm:MetricAlarm", inputs=alarm | metric), kind="aws_cloudwatch_metric_alarm"
    ) == {
        "alarm_name": "a",
        "comparison_operator": "x",
        "evaluation_periods": 2,
        "alarm_actions": ["arn:a"],
        "metric_query": [{"id": "m", "metric": {"metric_name": "n", "dimensions": {"EndpointName": "e"}}}],
    }


def test_objects_are_written_whole_and_lists_of_one_as_lists():
    ingress = {"protocol": "tcp", "fromPort": 443, "toPort": 443}
    group = resource(
        node("aws:ec2/securityGroup:SecurityGroup", inputs={"ingress": [ingress]}), kind="aws_security_group"
    )
    assert group["ingress"][0]["cidr_blocks"] is None
    assert group["ingress"][0]["from_port"] == 443


def test_references_are_expressions_and_order_is_kept_where_none_says_it():
    bucket, versions = node(BUCKET, "data"), "aws:s3/bucketVersioning:BucketVersioning"
    first = node(versions, "v", {"bucket": ref(DATA, "id"), "versioningConfiguration": {"status": "Enabled"}})
    second = node(
        "aws:s3/bucketObjectv2:BucketObjectv2",
        "o",
        {"bucket": ref(DATA, "bucket"), "key": f"of-{ref(DATA, 'arn')}"},
        dependsOn=[DATA, f"{versions}::v"],
    )
    made = content(bucket, first, second)["resource"]
    assert made["aws_s3_bucket_versioning"]["v"]["bucket"] == "${aws_s3_bucket.data.id}"
    assert "depends_on" not in made["aws_s3_bucket_versioning"]["v"]
    assert made["aws_s3_object"]["o"] == {
        "bucket": "${aws_s3_bucket.data.bucket}",
        "key": "of-${aws_s3_bucket.data.arn}",
        "depends_on": ["aws_s3_bucket_versioning.v"],
    }


def test_json_is_written_with_what_is_known_and_keeps_the_order():
    statement = {"Resource": [ref(DATA, "arn"), ref(f"{KEY}::k", "arn")], "Condition": "${aws:username}"}
    policy = node(POLICY, "p", {"role": "r", "policy": json.dumps(statement)}, dependsOn=[DATA, f"{KEY}::k"])
    made = content(node(BUCKET, "data", {"bucket": "b"}), node(KEY, "k"), policy)
    body = made["resource"]["aws_iam_role_policy"]["p"]
    assert json.loads(body["policy"]) == {
        "Resource": ["arn:${data.aws_partition.current.partition}:s3:::b", "${aws_kms_key.k.arn}"],
        "Condition": "$${aws:username}",
    }
    assert body["depends_on"] == ["aws_s3_bucket.data"]
    assert made["data"] == {"aws_partition": {"current": {}}}


def test_literals_are_escaped():
    value = f"${{a}} %{{b}} cost${ref(DATA, 'id')}"
    body = resource(node(BUCKET, "data"), node(PARAMETER, inputs={"description": value}), kind="aws_ssm_parameter")
    assert body["description"] == '$${a} %%{b} cost${"$"}${aws_s3_bucket.data.id}'
    tags = resource(node(BUCKET, inputs={"tags": {"${k}": "v"}}), kind="aws_s3_bucket")["tags"]
    assert tags == {"$${k}": "v"}


@pytest.mark.parametrize(
    ("kind", "name", "expression"),
    [
        ("aws:sqs/queue:Queue", "url", "aws_sqs_queue.x.url"),
        ("aws:ec2/vpc:Vpc", "defaultRouteTableId", "aws_vpc.x.default_route_table_id"),
        ("aws:cloudwatch/metricAlarm:MetricAlarm", "name", "aws_cloudwatch_metric_alarm.x.alarm_name"),
        ("aws:ec2/vpcEndpoint:VpcEndpoint", "dnsEntries[0].dnsName", "aws_vpc_endpoint.x.dns_entry[0].dns_name"),
        ("aws:ec2/vpcEndpoint:VpcEndpoint", "subnetIds[1]", "tolist(aws_vpc_endpoint.x.subnet_ids)[1]"),
        ("aws:ec2/vpcEndpoint:VpcEndpoint", "subnetIds", "one(aws_vpc_endpoint.x.subnet_ids)"),
        ("aws:ec2/vpcEndpoint:VpcEndpoint", "subnetIds[*]", "aws_vpc_endpoint.x.subnet_ids"),
        ("aws:sagemaker/model:Model", "vpcConfig.subnets[*]", "aws_sagemaker_model.x.vpc_config[0].subnets"),
    ],
)
def test_outputs_have_their_expressions(kind, name, expression):
    made = content(node(kind), outputs={"it": ref(f"{kind}::x", name)})
    assert made["output"]["it"] == {"value": f"${{{expression}}}"}


def test_what_the_older_provider_has_not_is_written_when_it_is_known():
    made = content(node(QUEUE), outputs={"region": ref(f"{QUEUE}::x", "region")})
    assert made["output"]["region"]["value"] == "eu-west-1"


def test_data_sources_are_written_once_and_their_region_is_literal_in_json():
    caller, region = node(CALLER, "current", kind="data"), node("aws:index/getRegion:getRegion", "current", kind="data")
    body = json.dumps({"region": ref(region["id"], "region"), "account": ref(caller["id"], "accountId")})
    inputs = {"dashboardName": "d", "dashboardBody": body}
    dashboard = node("aws:cloudwatch/dashboard:Dashboard", inputs=inputs, dependsOn=[region["id"]])
    made = content(caller, region, dashboard, outputs={"here": ref(region["id"], "region")})
    written = made["resource"]["aws_cloudwatch_dashboard"]["x"]
    assert json.loads(written["dashboard_body"]) == {
        "region": "eu-west-1",
        "account": "${data.aws_caller_identity.current.account_id}",
    }
    assert "depends_on" not in written
    assert made["output"]["here"]["value"] == "${data.aws_region.current.name}"
    assert made["data"]["aws_caller_identity"] == {"current": {}}


def test_one_provider_is_the_default_and_more_have_aliases():
    inputs = {"region": "us-east-1", "defaultTags": {"tags": {"Stack": "dev"}}, "skipRegionValidation": True}
    one = node("pulumi:providers:aws", "mine", inputs, kind="provider")
    there = node(BUCKET, "there", provider=one["id"])
    made = content(one, there)
    assert made["provider"] == {"aws": {"region": "us-east-1", "default_tags": {"tags": {"Stack": "dev"}}}}
    assert "provider" not in made["resource"]["aws_s3_bucket"]["there"]
    made = content(one, there, node(BUCKET, "here"))
    assert [(entry.get("alias"), entry["region"]) for entry in made["provider"]["aws"]] == [
        (None, "eu-west-1"),
        ("mine", "us-east-1"),
    ]
    assert made["resource"]["aws_s3_bucket"]["there"]["provider"] == "aws.mine"
    assert "provider" not in made["resource"]["aws_s3_bucket"]["here"]


def test_the_provider_is_configured_by_the_stack_and_pinned():
    made = content(
        node(BUCKET), config={"aws:region": "eu-west-1", "aws:defaultTags": '{"tags": {"a": "b"}}', "x:y": "z"}
    )
    assert made["provider"]["aws"] == {"region": "eu-west-1", "default_tags": {"tags": {"a": "b"}}}
    assert made["terraform"]["required_providers"]["aws"] == {"source": "hashicorp/aws", "version": schema().version}


def test_options_become_lifecycle():
    body = resource(
        node(
            BUCKET, protect=True, ignoreChanges=["tags.owner", "lifecycleRules[0].enabled"], timeouts={"create": "5m"}
        ),
        kind="aws_s3_bucket",
    )
    ignored = ['tags["owner"]', "lifecycle_rule[0].enabled"]
    assert body["lifecycle"] == {"prevent_destroy": True, "ignore_changes": ignored}
    assert body["timeouts"] == {"create": "5m"}
    assert "lifecycle" not in resource(node(BUCKET, deleteBeforeReplace=True), kind="aws_s3_bucket")


def test_secrets_are_variables():
    secret = "<<secret:/config#shop:token/-secret>>"  # noqa: S105 - a marker
    parameter = node(PARAMETER, inputs={"name": "/p", "type": "SecureString", "value": secret})
    outputs = {"told": f"x{secret}", "value": ref(f"{PARAMETER}::x", "value"), "name": ref(f"{PARAMETER}::x", "name")}
    made = content(parameter, outputs=outputs)
    assert made["resource"]["aws_ssm_parameter"]["x"]["value"] == "${var.token}"
    assert made["variable"] == {"token": {"sensitive": True, "description": "Secret: config#shop:token"}}
    assert {name: entry.get("sensitive") for name, entry in made["output"].items()} == {
        "told": True,
        "value": True,
        "name": None,
    }


def test_functions_come_as_archives_that_are_always_the_same():
    code = {"__archive__": {"b.py": "y", "a.bin": {"__bytes__": "/wA="}}}
    made = document(graph(node(FUNCTION, inputs={"name": "f", "code": code})))
    body = made.content["resource"]["aws_lambda_function"]["x"]
    (path, data), *others = made.archives.items()
    assert (body["function_name"], body["filename"], others) == ("f", f"${{path.module}}/{path}", [])
    with zipfile.ZipFile(io.BytesIO(data)) as zipped:
        assert {name: zipped.read(name) for name in zipped.namelist()} == {"a.bin": b"\xff\x00", "b.py": b"y"}
    assert hashlib.sha256(data).hexdigest().startswith("036e055e41d89093")  # pragma: allowlist secret


def test_components_are_named_beside_what_is_theirs():
    outer = node("loop:index:Outer", "outer", kind="component")
    inner = node("loop:index:Inner", "inner", kind="component", parent=outer["id"])
    assert resource(outer, inner, node(BUCKET, parent=inner["id"]), kind="aws_s3_bucket")["//"] == "outer/inner"


def test_all_that_cannot_be_written_is_told_at_once():
    because = refusal(
        node("aws:sagemaker/mlflowApp:MlflowApp", "app"),
        node("random:index/randomId:RandomId", "id"),
        node(BUCKET, "a", {"noSuch": 1, "arn": "x", "bucket": "<<ref:/aws:s3"}),
        node(BUCKET, "b", {"tags": "x"}, retainOnDelete=True, aliases=["old"], ignoreChanges=["nope"]),
        node(BUCKET, "c", {"region": "us-east-1", "bucket": ["b"], "loggings": ["x"]}),
        node(FUNCTION, "d", {"code": {"__archive__": {"a": ref(DATA, "id")}}}),
        node(QUEUE, "e", {"name": ref("loop:index:C::c", "x"), "policy": {"__archive__": {}}}),
        node(QUEUE, "g", {"name": ref(f"{KEY}::h", "nothing")}),
        node(KEY, "h"),
        node("aws:ec2/vpcEndpoint:VpcEndpoint", "i", {"subnetIds": "s"}),
        node("aws:ec2/vpcEndpoint:VpcEndpoint", "j", {"subnetIds": 3}),
    )
    for told in (
        "MlflowApp::app: this type",
        "RandomId::id: only AWS",
        "Bucket::a: noSuch is not",
        "Bucket::a: arn cannot be set",
        "Bucket::a: bucket: the program cut",
        "Bucket::b: Terraform has nothing like aliases, retainOnDelete",
        "Bucket::b: ignoreChanges names nope",
        "Bucket::c: it is in us-east-1, its provider in eu-west-1",
        "Bucket::c: bucket: string is needed, and it is list",
        "Bucket::c: loggings[0]: an object is needed",
        "Function::d: code: what is in an archive",
        "Queue::e: name: loop:index:C::c: it has no place",
        "Queue::e: policy: a file or archive",
        "Queue::g: name: aws:kms/key:Key::h: nothing is not among",
        "Bucket::b: tags: map is needed, and it is str",
        "VpcEndpoint::i: subnetIds: set is needed, and it is str",
        "VpcEndpoint::j: subnetIds: set is needed, and it is int",
    ):
        assert told in because, told


def test_two_resources_at_one_address_are_refused():
    assert "two resources would be aws_s3_bucket.a_b" in refusal(node(BUCKET, "a b"), node(BUCKET, "a.b"))
    assert "output a_b already" in refusal(outputs={"a b": 1, "a.b": 2})


def test_what_has_no_place_is_told_once():
    app = "aws:sagemaker/mlflowApp:MlflowApp"
    because = refusal(node(app, "app"), node(QUEUE, "q", {"name": ref(f"{app}::app", "arn")}))
    assert len(because.splitlines()) == 1


def test_a_module_of_another_service_is_not_taken_for_a_bare_name():
    assert "this type" in refusal(node("aws:opensearch/vpcEndpoint:VpcEndpoint"))


def test_the_files_are_the_same_in_whatever_order_nodes_come():
    nodes = [node(BUCKET, "b", {"tags": {"z": "1", "a": "2"}}), node(BUCKET, "a"), node(KEY, "k")]
    one, other = export(graph(*nodes)), export(graph(*reversed(nodes)))
    assert one == other
    main, readme = (
        {str(action.path): action.content for action in one}[path] for path in ("main.tf.json", "README.md")
    )
    text = main.decode()
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"
    assert json.loads(text)["//"].startswith("Made by `loopwright export terraform`")
    assert b"3 resources" in readme
    assert b"eu-west-1" in readme


def test_the_readme_names_the_variables_of_secrets():
    parameter = node(PARAMETER, inputs={"value": "<<secret:/config#shop:token/-secret>>"})
    readme = {str(action.path): action.content for action in export(graph(parameter))}["README.md"]
    assert b"- `TF_VAR_token`: Secret: config#shop:token\n" in readme


def files(folder) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def exported(code: str) -> tuple[Action, ...]:
    return export(graph(node(FUNCTION, inputs={"code": {"__archive__": {"a.py": code}}})))


def test_an_export_replaces_a_former_one_and_nothing_else(tmp_path):
    target = tmp_path / "new" / "tf"
    write(target, exported("1"))
    kept = {"terraform.tfstate": b"state", "backend.tf": b"mine", "assets/mine.zip": b"mine", ".terraform/x": b"x"}
    for path, data in kept.items():
        (target / path).parent.mkdir(exist_ok=True)
        (target / path).write_bytes(data)
    write(target, exported("2"))
    assert files(target) == kept | {str(action.path): action.content for action in exported("2")}


def test_an_export_that_changes_nothing_writes_nothing(tmp_path):
    write(tmp_path, exported("1"))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    write(tmp_path, exported("1"))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize(
    ("name", "text"), [("main.tf.json", "{}"), ("main.tf.json", "no json"), ("README.md", "# Mine"), ("README.md", "")]
)
def test_what_somebody_else_wrote_is_not_replaced(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(TargetError, match="would replace") as caught:
        write(tmp_path, exported("1"))
    assert caught.value.because.startswith(name)
    assert files(tmp_path) == {name: text.encode()}


def test_a_readme_of_somebody_else_beside_an_export_is_not_replaced(tmp_path):
    write(tmp_path, exported("1"))
    (tmp_path / "README.md").write_text("# Mine")
    with pytest.raises(TargetError, match="would replace"):
        write(tmp_path, exported("2"))


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TargetError, match="cannot be written"):
        write(tmp_path / "file" / "tf", [Action(path=PurePosixPath("a"), content=b"")])


def test_an_interrupted_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    write(tmp_path, exported("1"))
    before = files(tmp_path)
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, exported("2"))
    assert files(tmp_path) == before


def test_the_schema_that_came_with_us_is_small_and_says_its_version():
    assert schema().version == "5.100.0"
    assert isinstance(schema().resource("aws:iam/rolePolicyAttachment:RolePolicyAttachment")[1], Block)
    assert schema().data("aws:index/getRegion:getRegion")[0] == "aws_region"


def test_reducing_keeps_what_is_called_description(tmp_path, capsys, monkeypatch):
    text = {"type": "string", "description": "told to people", "description_kind": "plain"}
    block = {"attributes": {"description": {**text, "required": True}, "arn": {**text, "computed": True}}}
    nested = {"nesting_mode": "list", "max_items": 1, "block": {**block, "description": "told to people"}}
    entry = {"version": 1, "block": {**block, "block_types": {"rule": nested}}}
    named = {f"aws_{name.replace('*', 'x')}": entry for name in reduce_schema.RESOURCES}
    data = {f"aws_{name}": entry for name in reduce_schema.DATA}
    provider = {"block": {"block_types": {"endpoints": nested}}}
    full = {"provider": provider, "resource_schemas": {**named, "aws_other": entry}, "data_source_schemas": data}
    path = tmp_path / "full.json"
    path.write_text(json.dumps({"provider_schemas": {"a/hashicorp/aws": full}}))
    (tmp_path / ".terraform.lock.hcl").write_text('provider "a/hashicorp/aws" {\n  version     = "1.2.3"\n}\n')
    monkeypatch.setattr(sys, "argv", ["reduce_schema.py", str(path)])
    assert reduce_schema.main() == 0
    printed = capsys.readouterr().out
    reduced = json.loads(printed)
    kept = {"attributes": {"description": {"type": "string"}, "arn": {"type": "string", "computed": True}}}
    rule = {"nesting_mode": "list", "max_items": 1, "block": {**kept, "block_types": {}}}
    assert reduced["resources"]["aws_vpc"] == {**kept, "block_types": {"rule": rule}}
    assert "people" not in printed
    assert "aws_other" not in reduced["resources"]
    assert reduced["provider"]["block_types"] == {}
    assert Schema(reduced).version == "1.2.3"
