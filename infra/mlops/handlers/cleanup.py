"""Clean-up after rollouts: what the deployer made and nothing refers to any more, by reference and never by age."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import aws
from .blueprint import garbage, version_of
from .configs import described
from .rollout import LIVE

if TYPE_CHECKING:
    from collections.abc import Callable

    from .rollout import State

MOST = 10
"""Deletions of one wake-up; the next one goes on."""


def clean_up(state: State, prefix: str, model: str) -> str:
    """Delete configurations and models that may go, and return what was deleted; ``model`` is the one that serves."""
    sagemaker = aws.client("sagemaker")
    needed = {state.endpoint.config if state.endpoint else ""} | {each.asked for each in state.packages}
    needed |= {each.marks.get("deploy_previous", "") for each in state.packages if each.deploy == LIVE or each.asked}
    needed -= {""}
    configs = _made(sagemaker.list_endpoint_configs, "EndpointConfigs", "EndpointConfigName", prefix)
    old = garbage(configs, needed)[-MOST:]
    models = _made(sagemaker.list_models, "Models", "ModelName", prefix)
    used = {model}
    # Where no model would go anyway, there is nothing to ask the configurations about.
    # What may be gone back to need not be one of ours: a person's configuration may serve a model that is.
    for name in (set(configs) - set(old)) | needed if garbage(models, used) else ():
        used |= {each.get("ModelName", "") for each in (described(name) or {}).get("ProductionVariants", ())}
    unused = garbage(models, used)[-MOST:]
    for name in old:
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
    for name in unused:
        sagemaker.delete_model(ModelName=name)
    return f"deleted {', '.join([*old, *unused])}" if old or unused else ""


def _made(listing: Callable[..., Any], key: str, name: str, prefix: str) -> list[str]:
    found = aws.pages(listing, key, NameContains=prefix, SortBy="CreationTime", SortOrder="Descending", MaxResults=100)
    return [each[name] for each in found if version_of(prefix, each[name])]
