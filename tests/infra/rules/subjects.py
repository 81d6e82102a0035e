"""The stacks that are judged: our program for the sample project, evaluated and exported once a run."""

from __future__ import annotations

import json
from functools import cache

import yaml
from projects import BODY, OPTIONS, STACKS, UNKNOWN_TO_TERRAFORM, shop

from loopwright.terraform.document import document as exported
from rules.plan import Plan, Stack

SUBJECTS = [(stack, "plain") for stack in STACKS] + [
    ("prod", option) for option in OPTIONS if option not in {"plain", *UNKNOWN_TO_TERRAFORM}
]
"""Every stack as it is, and every option that Terraform knows in the stack that matters most."""


def stack_of(graph) -> Stack:
    """Return what a stack is meant to be, from its settings alone."""
    settings = {key.partition(":")[2]: value for key, value in graph.config.items()}
    return Stack(
        name=graph.stack,
        keeps_data=settings["keepData"] == "true",
        network=settings["network"] != "none",
        approval=yaml.safe_load((BODY / "loop.yaml").read_text(encoding="utf-8"))["approval"],
    )


@cache
def _document(stack, option, image):
    return json.dumps(exported(shop(stack, option, image=image)).content)


def document(stack: str = "prod", option: str = "plain", *, image: bool = True) -> dict:
    """Return an exported document that the caller may change."""
    return json.loads(_document(stack, option, image))


@cache
def plan(stack: str = "prod", option: str = "plain", *, image: bool = True) -> Plan:
    """Return a stack as the rules read it."""
    return Plan(document(stack, option, image=image), stack_of(shop(stack, option, image=image)))
