"""Our own rules find nothing in any stack or option beyond what is kept for a written reason."""

from __future__ import annotations

import ast
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from projects import ROOT, STACKS
from rules import RULES, Plan, check
from rules.actions import KNOWN
from rules.exceptions import SHORTEST_REASON, exceptions, judged, unused
from rules.judges import TYPES
from rules.plan import ARNS, PHYSICAL, Stack
from rules.reading import schema
from rules.stack import LONGEST
from rules.statements import DOCUMENTS, policies, statements
from rules.subjects import SUBJECTS, document, plan

RULE_FILES = sorted((Path(__file__).parent / "rules").glob("*.py"))
POLICIES = ROOT / "docs" / "policies.md"


def against(stack, option, *, image=True):
    return {(finding.rule, finding.where) for finding in check(plan(stack, option, image=image))}


@pytest.mark.parametrize(("stack", "option"), SUBJECTS)
def test_nothing_is_found_but_what_is_kept(stack, option):
    found = check(plan(stack, option))
    left = judged("rules", {(finding.rule, finding.where) for finding in found})
    assert not [str(finding) for finding in found if (finding.rule, finding.where) in left]


@pytest.mark.parametrize("stack", STACKS)
def test_the_foundation_is_judged_before_there_is_an_image(stack):
    assert not judged("rules", against(stack, "plain", image=False))


def test_every_exception_is_needed_and_has_a_reason_and_a_day():
    found = {pair for subject in SUBJECTS for pair in against(*subject)}
    assert not unused("rules", found)
    for kept in exceptions():
        assert len(kept.reason) >= SHORTEST_REASON, kept.id
        assert datetime.now(tz=UTC).date() < kept.expires, f"{kept.id}: its day has passed; look at it again"


def test_an_exception_is_for_one_judge_and_one_place():
    assert judged("rules", {("SM-PIPE", "aws_sagemaker_pipeline.training-pipeline train")})
    assert judged("checkov", {("SM-PIPE", "aws_sagemaker_pipeline.monitor-pipeline monitor")})
    assert unused("rules", set())


def test_every_policy_is_read_whole(figures):
    found = {(each.where, each.text) for subject in SUBJECTS for each in policies(plan(*subject))}
    assert not [each.where for subject in SUBJECTS for each in policies(plan(*subject)) if each.problem]
    figures(f"{len(RULES)} rules over {len(SUBJECTS)} stacks and options, {len(found)} policy documents read whole")


def test_what_a_stack_is_meant_to_be_comes_from_its_settings():
    assert plan("dev").stack == Stack("dev", keeps_data=False)
    assert plan("prod", "network").stack == Stack("prod", network=True)


def test_a_stack_that_matters_is_asked_for_more():
    weak = Plan(document("dev"), Stack("dev", keeps_data=True))
    more = {finding.rule for finding in check(weak)} - {finding.rule for finding in check(plan("dev"))}
    assert more == {"LOG", "S3-NODESTROY", "SM-COUNT"}


def test_the_list_of_actions_holds_what_policies_use_and_no_more():
    used = {a for subject in SUBJECTS for _, s in statements(plan(*subject), "identity") for a in s.actions}
    assert sorted(KNOWN ^ used) == []


def test_an_empty_document_and_a_strange_one_are_judged_too():
    empty = {"resource": {}, "provider": {"aws": {"region": "eu-west-1"}}}
    assert {finding.rule for finding in check(Plan(empty, Stack("prod")))} == {"TAG"}
    strange = {**empty, "resource": {"aws_iam_role": {"x": {"assume_role_policy": "[]"}}, "aws_s3_bucket": {"y": {}}}}
    assert {"UNKNOWN", "NAME", "S3-PAB", "S3-TLS"} <= {finding.rule for finding in check(Plan(strange, Stack("prod")))}


def test_a_block_and_a_list_of_one_block_are_the_same():
    listed = document("prod", "everything")
    kinds = schema()
    for kind, named in listed["resource"].items():
        for body in named.values():
            blocks = [key for key in body if key in kinds[kind].get("block_types", {}) and isinstance(body[key], dict)]
            body.update({key: [body[key]] for key in blocks})
    assert check(Plan(listed, plan("prod", "everything").stack)) == check(plan("prod", "everything"))


def test_tables_name_types_that_the_provider_knows():
    named = {*PHYSICAL, *ARNS, *LONGEST, *TYPES, *(kind for kind, _ in DOCUMENTS)}
    unknown = named - set(schema())
    assert unknown == {"aws_iam_group_policy", "aws_iam_user_policy"}  # of which a stack has none: IAM-NO-USERS


def test_every_rule_says_what_it_requires_in_one_sentence():
    for rule in RULES.values():
        assert re.fullmatch(r"[A-Z0-9]+(-[A-Z0-9]+)*", rule.id)
        assert rule.requires.endswith("."), rule.id
        assert rule.source, rule.id


def test_rules_ask_nobody_and_change_nothing():
    before = json.dumps(document("prod", "everything"), sort_keys=True)
    given = document("prod", "everything")
    check(Plan(given, Stack("prod", network=True)))
    assert json.dumps(given, sort_keys=True) == before
    judges = {"judges.py", "outside_cfn.py", "outside_parliament.py", "matrix.py"}
    for path in RULE_FILES:
        imported = {
            name.name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import)
            for name in node.names
        }
        assert path.name in judges or not imported & {"subprocess", "socket", "requests", "boto3"}, path.name


def test_the_page_lists_every_rule_and_every_exception(update_golden):
    rows = [f"| {rule.id} | {rule.requires} | {rule.source} |" for rule in sorted(RULES.values(), key=lambda r: r.id)]
    kept = [f"| {each.judge} | {each.id} | {each.reason} | {each.expires} |" for each in exceptions()]
    text = POLICIES.read_text(encoding="utf-8")
    for name, lines in (("rules", rows), ("exceptions", kept)):
        start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        head, _, rest = text.partition(start)
        _, _, tail = rest.partition(end)
        text = head + start + "\n".join([*rest.splitlines()[:2], *lines, ""]) + end + tail
    if update_golden:
        POLICIES.write_text(text, encoding="utf-8")
    assert POLICIES.read_text(encoding="utf-8") == text, "run pytest --update-golden on this test"
