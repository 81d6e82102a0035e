"""Judges from outside find nothing beyond what is kept for a written reason: parliament, CloudFormation, checkov."""

from __future__ import annotations

import json
from functools import cache

import emulator
import pytest
import terraform
from projects import shop
from rules.actions import KNOWN
from rules.exceptions import judged, unused
from rules.judges import checkov, need_judges, parliament, schemas, written
from rules.statements import policies
from rules.subjects import SUBJECTS, document, plan

from loopwright.terraform.export import export
from loopwright.terraform.write import write

LEAST_PROPERTIES = 10
pytestmark = pytest.mark.usefixtures("_judges")


@pytest.fixture(scope="session")
def _judges():
    need_judges()


@cache
def parliaments():
    """Return what parliament has against every policy of every stack and option, once for each text."""
    texts = {(f"{p.where} {p.kind}", p.text) for subject in SUBJECTS for p in policies(plan(*subject))}
    return texts, parliament(sorted(texts))


def test_parliament_reads_every_policy(figures):
    texts, found = parliaments()
    pairs = {(issue, where) for where, issue, _ in found}
    left = judged("parliament", pairs)
    assert not [each for each in found if (each[1], each[0]) in left]
    assert not unused("parliament", pairs)
    figures(f"parliament read {len(texts)} policy documents; {len(pairs)} findings, all kept for a reason")


def test_parliament_knows_every_action_on_our_list():
    text = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": sorted(KNOWN), "Resource": "arn:aws:s3:::x/y"}],
        }
    )
    assert not [each for each in parliament([("list", text)]) if each[1] == "UNKNOWN_ACTION"]


def test_parliament_finds_what_it_is_there_for():
    allow = {"Effect": "Allow", "Action": "s3:GetObjec", "Resource": "arn:aws:s3:::bucket/*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    assert [issue for _, issue, _ in parliament([("x", text)])] == ["UNKNOWN_ACTION"]


@pytest.mark.parametrize(("stack", "option"), [("prod", "everything"), ("prod", "serverless"), ("dev", "plain")])
def test_values_are_those_of_cloudformation_too(stack, option, figures):
    found, counts = schemas(plan(stack, option))
    assert not found
    known, unknown = (sum(pair[index] for pair in counts.values()) for index in (0, 1))
    assert known > LEAST_PROPERTIES * len(counts)
    figures(f"{stack} {option}: {known} of {known + unknown} properties of {len(counts)} CloudFormation types hold")


def test_cloudformation_finds_what_it_is_there_for():
    broken = document("prod", "everything")
    broken["resource"]["aws_lambda_function"]["controller-function"]["runtime"] = "python4.2"
    broken["resource"]["aws_sagemaker_endpoint_configuration"]["serving-config"]["data_capture_config"][
        "initial_sampling_percentage"
    ] = 200
    found, _ = schemas(type(plan())(broken, plan("prod", "everything").stack))
    assert {path for _, path, _ in found} == {"Runtime", "DataCaptureConfig.InitialSamplingPercentage"}


@pytest.fixture(scope="session")
def in_json(tmp_path_factory):
    """What checkov says of the document itself."""
    folder = tmp_path_factory.mktemp("checkov")
    written(document("prod", "everything"), folder)
    (verdict,) = checkov("--directory", folder, "--framework", "terraform_json")
    return verdict


@pytest.fixture(scope="session")
def in_plan(tmp_path_factory):
    """What checkov says of the plan that the real provider makes of it."""
    terraform.need_terraform()
    folder = tmp_path_factory.mktemp("plan")
    write(folder, export(shop("prod", "everything")))
    with emulator.serve() as aws:
        cli = terraform.Terraform(folder, aws.endpoint)
        cli.init()
        planned = cli.plan()
    (folder / "plan.json").write_text(json.dumps(planned.document))
    (verdict,) = checkov("--file", folder / "plan.json", "--framework", "terraform_plan")
    return verdict


def test_checkov_finds_nothing_in_the_plan_and_looks_at_all_of_it(in_plan, figures):
    assert in_plan.count == len(shop("prod", "everything").resources())
    assert not judged("checkov", set(in_plan.failed))
    figures(f"checkov, plan: {in_plan.count} resources, {len(in_plan.failed)} findings, all kept for a reason")


def test_checkov_finds_nothing_in_the_document(in_json, figures):
    assert not judged("checkov", set(in_json.failed))
    figures(f"checkov, document: {len(in_json.looked_at)} resources, {len(in_json.failed)} findings, all kept")


def test_checkov_looks_at_as_much_of_the_document_as_of_the_plan(in_json, in_plan):
    """In this mode it counts no resources and gives the type of none, so only names can be compared (a trap)."""
    assert in_json.count == 0

    names = {address.rpartition(".")[2] for address in in_json.looked_at}
    missed = {address for address in in_plan.looked_at if address.rpartition(".")[2] not in names}
    # What it calls the provider, and a policy that it can read only once it is planned.
    assert missed == {"aws.default", "aws_sns_topic_policy.monitor-alerts-policy"}


def test_every_exception_for_checkov_is_needed(in_json, in_plan):
    assert not unused("checkov", set(in_json.failed | in_plan.failed))


def test_checkov_alone_is_no_evidence_it_ends_well_without_a_resource(tmp_path):
    """The mode that everybody uses sees nothing of a `main.tf.json`, and says that all is well."""
    (tmp_path / "main.tf.json").write_text(json.dumps({"resource": {"aws_s3_bucket": {"open": {"bucket": "open"}}}}))
    assert [verdict.count for verdict in checkov("--directory", tmp_path, "--framework", "terraform")] == [0]
