"""The files of an export, as a plan: the document, the archives of functions, and what to know about them."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from loopwright.repository.plan import Action, plan
from loopwright.terraform.document import REQUIRED_VERSION, document
from loopwright.terraform.names import schema

if TYPE_CHECKING:
    from loopwright.graph.model import ResourceGraph
    from loopwright.terraform.document import Document

__all__ = ["MAIN", "export"]

MAIN = "main.tf.json"

_README = """\
# {project}, stack {stack}, for Terraform

{count} resources, written by `loopwright export terraform` from `infra/` for the stack `{stack}`. `infra/` stays the
source: what is edited here is lost with the next export. `{main}` is sorted and the same for the same `infra/`, so a
diff of two exports shows what a change means.

## Use

Terraform {required} and the AWS provider {version}, which `init` fetches. Credentials come from the environment as
for the AWS command line: `AWS_PROFILE`, or `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
The region is {region}.
{secrets}
    terraform init
    terraform plan -out plan.bin
    terraform apply plan.bin

## What is different from Pulumi

- **Ownership.** One tool owns a stack. Resources that `pulumi up` has made are unknown to Terraform: applying this
  beside a live stack fails where a name is taken. Plan and read as you like; apply into an account or a region where
  the stack is not, or after `terraform import` of everything.
- **State.** It is a local file here. Add a `backend.tf` with a backend block; an export leaves other files alone.
- **Configuration.** The values of `Pulumi.{stack}.yaml` are written in. Another value means another export.
- **Replacement.** Terraform destroys first and creates then. Pulumi creates first where a name allows it.
- **Names.** What has no name in `infra/` gets one from the provider, and another one than Pulumi's.
- **Components** are gone; `//` in each resource says which one it belongs to.
- **Policies** and other JSON are written with the names and ARNs that are known beforehand, so that a plan shows them
  whole; `depends_on` keeps the order.
- **Provider.** Pulumi's AWS provider is built on a later version of this one. Whatever the earlier one has not is
  refused at the export; nothing is left out.
"""


def export(graph: ResourceGraph) -> tuple[Action, ...]:
    """Return the files that say in Terraform what a graph says.

    Raises:
        LoopwrightError: Names all that cannot be said, at once.
    """
    made = document(graph)
    text = json.dumps(made.content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    files = {MAIN: f"{text}\n".encode(), "README.md": _readme(graph, made).encode(), **made.archives}
    return plan(Action(path=PurePosixPath(path), content=content) for path, content in files.items())


def _readme(graph: ResourceGraph, made: Document) -> str:
    names = sorted(made.content.get("variable", {}))
    secrets = "".join(f"- `TF_VAR_{name}`: {made.content['variable'][name]['description']}\n" for name in names)
    told = f"\nSecrets are not in the files; set these variables:\n\n{secrets}" if secrets else ""
    return _README.format(
        project=graph.project,
        stack=graph.stack,
        count=sum(len(named) for named in made.content.get("resource", {}).values()),
        main=MAIN,
        required=REQUIRED_VERSION,
        version=schema().version,
        region=graph.region()
        or next((found for node in graph.resources() if (found := graph.region(node))), "not set"),
        secrets=told,
    )
