"""The policy that docs/delivery.md gives for deploying reaches all of a stack, and nothing of another one."""

from __future__ import annotations

import json
import re

import pytest
from projects import ROOT, STACKS, shop

from loopwright.graph.arns import ACCOUNT, PARTITION, arn
from loopwright.wiring.iam import allowed, as_list, glob

NUMBER = "123456789012"
BY_HAND = {"aws:iam/openIdConnectProvider:OpenIdConnectProvider"}
"""Made with the foundation, before there is a deployment."""


def policy(stack, project="shop"):
    (text,) = re.findall(r"```json\n(.*?)```", (ROOT / "docs/delivery.md").read_text(), re.DOTALL)
    named = {"PROJECT": project, "STACK": stack, "REGION": "eu-west-1", "ACCOUNT": NUMBER, "STATE-BUCKET": "state"}
    for word, value in sorted(named.items(), key=lambda entry: -len(entry[0])):
        text = text.replace(word, value)
    return json.loads(text)["Statement"]


def arns(stack):
    """Return the ARN of everything that a stack names."""
    graph = shop(stack, "everything")
    found = {node.id: arn(node, "eu-west-1") for node in graph.resources() if node.type not in BY_HAND}
    written = {str(ACCOUNT): NUMBER, str(PARTITION): "aws"}
    for place, text in found.items():
        for reference, value in written.items() if text else ():
            text = text.replace(reference, value)  # noqa: PLW2901
        found[place] = text
    return {text for text in found.values() if text}


def reached(statements, resource):
    service = resource.split(":")[2]
    return any(
        glob(pattern, resource)
        for statement in statements
        if any(action.startswith(f"{service}:") for action in as_list(statement["Action"]))
        for pattern in as_list(statement["Resource"])
        if pattern != "*"
    )


@pytest.mark.parametrize("stack", STACKS)
def test_it_reaches_everything_that_the_stack_names(stack, figures):
    found = arns(stack)
    assert sorted(each for each in found if not reached(policy(stack), each)) == []
    figures(f"{stack}: {len(found)} ARNs of the stack, all within the deploy role's names")


@pytest.mark.parametrize(
    ("stack", "project"), [("staging", "shop"), ("pro", "shop"), ("prod", "shop2"), ("prod", "sho")]
)
def test_it_reaches_nothing_of_another_stack_or_project(stack, project):
    others = {each for each in arns("prod") if reached(policy(stack, project), each)}
    assert others == set()


def test_it_passes_roles_of_the_stack_to_the_three_services_alone():
    context = {"iam:PassedToService": "lambda.amazonaws.com"}
    role = f"arn:aws:iam::{NUMBER}:role/shop-prod-training"
    assert allowed(policy("prod"), "iam:PassRole", role, context)
    assert not allowed(policy("prod"), "iam:PassRole", role, {"iam:PassedToService": "ec2.amazonaws.com"})
    assert not allowed(policy("prod"), "iam:PassRole", f"arn:aws:iam::{NUMBER}:role/admin", context)


@pytest.mark.parametrize(
    "action", ["iam:CreateUser", "iam:AttachRolePolicy", "iam:PassRole", "sts:AssumeRole", "kms:Decrypt"]
)
def test_it_gives_no_way_around_its_names(action):
    here, role = {"aws:RequestedRegion": "eu-west-1"}, f"arn:aws:iam::{NUMBER}:role/deploy"
    assert not allowed(policy("prod"), action, role, here)
