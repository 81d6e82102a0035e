"""Whose tokens the roles for GitHub take: exactly one environment each of one repository, and nobody else's."""

from __future__ import annotations

import copy
import json
import sys
from functools import cache
from pathlib import Path

import pytest
from projects import GITHUB, STACKS, project

from loopwright.graph.load import load
from loopwright.wiring.iam import allowed, principals

HOST = "token.actions.githubusercontent.com"
OURS = "repo:acme@42/shop@4711"
ROLES = ("push", "preview", "retrain")
REFUSED = {
    "classic form": "repo:acme/shop:environment:{stack}",
    "classic form, with one id": "repo:acme@42/shop:environment:{stack}",
    "pull request": f"{OURS}:pull_request",
    "branch": f"{OURS}:ref:refs/heads/main",
    "branch named like an environment": f"{OURS}:ref:refs/heads/environment:{{stack}}",
    "tag": f"{OURS}:ref:refs/tags/v1",
    "fork": "repo:mallory@666/shop@9999:environment:{stack}",
    "other repository of the owner": "repo:acme@42/churn@4712:environment:{stack}",
    "owner's name taken by another": "repo:acme@43/shop@4711:environment:{stack}",
    "repository's name taken by another": "repo:acme@42/shop@4712:environment:{stack}",
    "longer owner": "repo:acme-evil@42/shop@4711:environment:{stack}",
    "longer repository": "repo:acme@42/shop-evil@4711:environment:{stack}",
    "longer id": "repo:acme@42/shop@47110:environment:{stack}",
    "ids in the name": "repo:acme@42@1/shop@4711:environment:{stack}",
    "other case": "repo:Acme@42/Shop@4711:environment:{stack}",
    "longer environment": f"{OURS}:environment:{{stack}}-evil",
    "longer environment for previews": f"{OURS}:environment:{{stack}}-previews",
    "environment in another case": f"{OURS}:environment:{{stack}}-PREVIEW",
    "environment that is a pattern": f"{OURS}:environment:*",
    "no environment": f"{OURS}:environment:",
    "something before": f"x{OURS}:environment:{{stack}}",
    "something behind": f"{OURS}:environment:{{stack}}:job_workflow_ref:x",
    "a line behind": f"{OURS}:environment:{{stack}}\n",
    "pattern for everything": "*",
    "nothing": "",
}


@cache
def folder():
    return project()


@cache
def trusts(stack):
    """Return the trust policy of every role for GitHub, by what the role is for."""
    settings = {f"shop:{key}": value for key, value in (GITHUB | {"githubProvider": "existing"}).items()}
    graph = load(folder(), stack, settings=settings, python=Path(sys.executable))
    nodes = graph.of_type("aws:iam/role:Role")
    documents = {node.inputs["name"].rpartition("-")[2]: json.loads(node.inputs["assumeRolePolicy"]) for node in nodes}
    return {name: found for name, found in documents.items() if principals(found["Statement"][0], "Federated")}


def takers(stack, subject, *, audience="sts.amazonaws.com", action="sts:AssumeRoleWithWebIdentity"):
    """Return the roles that a token with this subject gets."""
    return {name for name, document in trusts(stack).items() if takes(document, subject, audience, action)}


def takes(document, subject, audience="sts.amazonaws.com", action="sts:AssumeRoleWithWebIdentity"):
    context = {f"{HOST}:sub": subject} | ({f"{HOST}:aud": audience} if audience else {})
    # A trust policy names no resource: it is the role's own.
    return allowed([{**each, "Resource": "*"} for each in document["Statement"]], action, "role", context)


@pytest.mark.parametrize("stack", STACKS)
def test_each_environment_gets_its_own_role_alone(stack):
    assert takers(stack, f"{OURS}:environment:{stack}") == {"push"}
    assert takers(stack, f"{OURS}:environment:{stack}-preview") == {"preview"}
    assert takers(stack, f"{OURS}:environment:{stack}-retrain") == {"retrain"}


@pytest.mark.parametrize("stack", STACKS)
def test_no_environment_of_another_stack_gets_any(stack):
    for other in {*STACKS} - {stack}:
        for word in ("", "-preview", "-retrain"):
            assert takers(stack, f"{OURS}:environment:{other}{word}") == set()


@pytest.mark.parametrize("subject", REFUSED.values(), ids=REFUSED)
def test_nobody_else_gets_any(subject):
    assert [takers(stack, subject.format(stack=stack)) for stack in STACKS] == [set()] * len(STACKS)


@pytest.mark.parametrize("audience", ["https://github.com/acme", "sts.amazonaws.com.cn", "STS.amazonaws.com", "", None])
def test_a_token_for_somebody_else_gets_none(audience):
    assert takers("prod", f"{OURS}:environment:prod", audience=audience) == set()


def test_only_a_token_gets_any():
    assert takers("prod", f"{OURS}:environment:prod", action="sts:AssumeRole") == set()


@pytest.mark.parametrize("stack", STACKS)
def test_only_the_accounts_provider_for_github_is_believed(stack):
    assert sorted(trusts(stack)) == sorted(ROLES)
    for document in trusts(stack).values():
        (statement,) = document["Statement"]
        (provider,) = statement["Principal"].values()
        assert provider.endswith(f":oidc-provider/{HOST}")
        assert set(statement["Principal"]) == {"Federated"}


@pytest.mark.parametrize(
    ("loosened", "whose"),
    [
        ({"StringLike": {f"{HOST}:sub": "repo:acme@42/*"}}, "other repository of the owner"),
        ({"StringLike": {f"{HOST}:sub": f"{OURS}:*"}}, "pull request"),
        ({"StringLike": {f"{HOST}:sub": "repo:acme@*/shop@*:environment:prod"}}, "owner's name taken by another"),
        ({"StringEquals": {f"{HOST}:aud": "sts.amazonaws.com"}}, "fork"),
    ],
)
def test_a_looser_policy_would_be_found(loosened, whose):
    document = copy.deepcopy(trusts("prod")["push"])
    document["Statement"][0]["Condition"] = loosened
    assert takes(document, REFUSED[whose].format(stack="prod"))
