"""Ways to break an exported document in one place; each refuses to break what is not there."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Document = dict[str, Any]
Change = Callable[[Document], None]
ACCOUNT_REF = "${data.aws_caller_identity.current.account_id}"
PARTITION_REF = "${data.aws_partition.current.partition}"
POLICY = {
    "aws_iam_role": "assume_role_policy",
    "aws_sagemaker_model_package_group_policy": "resource_policy",
}


@dataclass(frozen=True)
class Mutant:
    """One fault."""

    id: str
    what: str
    source: str
    """Where the idea comes from: a checklist, a scanner's catalogue, AWS's documentation; never our rules."""
    change: Change = field(hash=False)
    option: str = "everything"
    """Which variant of the stack it breaks."""

    def of(self, document: Document) -> Document:
        """Return a broken copy."""
        broken = copy.deepcopy(document)
        self.change(broken)
        assert broken != document, f"{self.id} changes nothing"
        return broken


def body(document: Document, address: str) -> dict[str, Any]:
    kind, name = address.split(".")
    return document["resource"][kind][name]


def _place(holder: Any, path: str) -> tuple[dict[str, Any], str]:
    """Return the block and the key at the end of a dotted path; the first of several blocks, or a numbered one."""
    *steps, key = path.split(".")
    for taken in steps:
        if isinstance(holder, list):
            holder = holder[int(taken)] if taken.isdigit() else holder[0][taken]
        else:
            holder = holder[taken]
    if isinstance(holder, list):
        holder = holder[0]
    return holder, key


def put(address: str, path: str, value: Any) -> Change:
    """Set what stands at a path."""

    def change(document):
        holder, key = _place(body(document, address), path)
        holder[key] = value

    return change


def drop(address: str, path: str) -> Change:
    """Take away what stands at a path."""

    def change(document):
        holder, key = _place(body(document, address), path)
        del holder[key]

    return change


def gone(address: str) -> Change:
    """Take a resource away, and what only waited for it."""

    def change(document):
        kind, name = address.split(".")
        del document["resource"][kind][name]
        if not document["resource"][kind]:
            del document["resource"][kind]
        for named in document["resource"].values():
            for each in named.values():
                each["depends_on"] = [other for other in each.get("depends_on", []) if other != address]
                if not each["depends_on"]:
                    del each["depends_on"]

    return change


def add(address: str, made: dict[str, Any]) -> Change:
    """Add a resource."""

    def change(document):
        kind, name = address.split(".")
        assert name not in document["resource"].get(kind, {})
        document["resource"].setdefault(kind, {})[name] = made

    return change


def provider(path: str, value: Any = None) -> Change:
    """Set something of the provider, or take it away."""

    def change(document):
        holder, key = _place(document["provider"]["aws"], path)
        if value is None:
            del holder[key]
        else:
            holder[key] = value

    return change


def text(address: str, attribute: str, edit: Callable[[Any], None]) -> Change:
    """Edit the JSON that an attribute holds."""

    def change(document):
        found = body(document, address)
        value = json.loads(found[attribute])
        edit(value)
        found[attribute] = json.dumps(value)

    return change


def variable(function: str, name: str, value: Any) -> Change:
    """Set a variable of a handler."""
    return put(f"aws_lambda_function.{function}-function", f"environment.variables.{name}", value)


def policy(address: str, edit: Callable[[list[dict[str, Any]]], None]) -> Change:
    """Edit the statements of the policy that a resource holds."""
    attribute = POLICY.get(address.partition(".")[0], "policy")
    return text(address, attribute, lambda document: edit(document["Statement"]))


def duty(role: str, sid: str, **elements: Any) -> Change:
    """Set elements of a statement of a role's policy; None takes one away."""
    return said(f"aws_iam_role_policy.{role}-policy", sid, **elements)


def said(address: str, sid: str, **elements: Any) -> Change:
    """Set elements of a statement of any policy; None takes one away."""

    def edit(statements):
        (found,) = [statement for statement in statements if statement.get("Sid") == sid]
        for name, value in elements.items():
            if value is None:
                del found[name]
            else:
                found[name] = value

    return policy(address, edit)


def more(role: str, actions: Any, resources: Any = "*", **elements: Any) -> Change:
    """Add a statement to a role's policy."""
    statement = {"Sid": "More", "Effect": "Allow", "Action": actions, "Resource": resources, **elements}
    return policy(f"aws_iam_role_policy.{role}-policy", lambda statements: statements.append(statement))


def without(address: str, sid: str) -> Change:
    """Take a statement out of a policy."""

    def edit(statements):
        (found,) = [statement for statement in statements if statement.get("Sid") == sid]
        statements.remove(found)

    return policy(address, edit)


def lacking(address: str, sid: str, element: str, value: str) -> Change:
    """Take one action, resource or principal out of a statement."""

    def edit(statements):
        (found,) = [statement for statement in statements if statement.get("Sid") == sid]
        holder, key = _place(found, element)
        assert [item for item in holder[key] if value in item]
        holder[key] = [item for item in holder[key] if value not in item]

    return policy(address, edit)


def step(pipeline: str, name: str, path: str, value: Any = None) -> Change:
    """Set something of a pipeline's step, or take it away."""

    def edit(definition):
        todo = list(definition["Steps"])
        while todo:
            found = todo.pop()
            if found["Name"] == name:
                holder, key = _place(found, path)
                if value is None:
                    del holder[key]
                else:
                    holder[key] = value
                return
            todo += found["Arguments"].get("IfSteps", [])
        raise KeyError(name)

    return text(f"aws_sagemaker_pipeline.{pipeline}-pipeline", "pipeline_definition", edit)


def pattern(rule: str, edit: Callable[[dict[str, Any]], None]) -> Change:
    """Edit the pattern of a rule."""
    return text(f"aws_cloudwatch_event_rule.triggers-{rule}", "event_pattern", edit)


def arn(service: str, resource: str, region: str = "eu-west-1", account: str = ACCOUNT_REF) -> str:
    """Return an ARN as an exported document has it."""
    return f"arn:{PARTITION_REF}:{service}:{region}:{account}:{resource}"
