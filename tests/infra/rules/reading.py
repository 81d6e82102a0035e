"""Whether a plan can be judged at all: nothing unreadable, no dangling reference, nothing that nobody knows."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from rules.plan import strings
from rules.registry import rule
from rules.statements import policies

SCHEMA = Path(__file__).parents[3] / "generator" / "loopwright" / "terraform" / "schema.json"
META = {"count", "depends_on", "for_each", "lifecycle", "provider", "provisioner", "connection"}
EXPRESSION = re.compile(r"(?<!\$)\$\{([^}]*)\}")
LOCAL = re.compile(r"(?P<data>data\.)?(?P<type>aws_\w+)\.(?P<name>[\w-]+)\.")


@rule("UNKNOWN", "security.md 0.3: a plan hides policies, and every scanner then skips them")
def readable(plan):
    """Every policy document can be read whole before anything is made."""
    for policy in policies(plan):
        if policy.problem:
            yield policy.where, policy.problem


@rule("REF", "a dangling reference")
def referred(plan):
    """Every reference is to something in the document."""
    data = plan.document.get("data", {})
    for resource in plan.resources:
        for where, text in strings(resource.body):
            for expression in EXPRESSION.findall(text) if "${" in text else ():
                for found in LOCAL.finditer(f"{expression} "):
                    known = plan.document["resource"] if not found["data"] else data
                    if found["name"] not in known.get(found["type"], {}):
                        yield resource.address, f"{where} refers to {found[0]}, which is not there"


@cache
def schema():
    return json.loads(SCHEMA.read_text(encoding="utf-8"))["resources"]


@rule("SHAPE", "the provider's schema")
def known(plan):
    """Every type and attribute is one that the provider knows."""
    for resource in plan.resources:
        if resource.type not in schema():
            yield resource.address, "the provider knows no such type"
            continue
        for name in _unknown(resource.body, schema()[resource.type]):
            yield resource.address, f"the provider knows no {name}"


def _unknown(body, block, where=""):
    attributes, nested = block.get("attributes", {}), block.get("block_types", {})
    for name, value in body.items():
        path = f"{where}{name}"
        if name in nested:
            for each in value if isinstance(value, list) else [value]:
                yield from _unknown(each, nested[name]["block"], f"{path}.")
        elif name not in attributes and (where or name not in META):
            yield path
