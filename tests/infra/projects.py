"""Projects to evaluate: the template's files and our `infra/`, under any name, with any settings."""

from __future__ import annotations

import re
import shutil
import sys
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from loopwright.graph.load import load
from loopwright.graph.transparent import transparent  # noqa: F401 - for the tests

ROOT = Path(__file__).parents[2]
BODY = ROOT / "templates/tabular/{{cookiecutter.project}}"
PARTS = ("ml", "loop.yaml", "dvc.yaml", "params.yaml")
DIGEST = "sha256:" + "a" * 64
STACKS = ("dev", "staging", "prod")
GITHUB = {"github": "acme/shop", "githubOwnerId": "42", "githubRepositoryId": "4711", "githubProvider": "create"}
EXISTING = {"network": "existing", "subnetIds": '["subnet-0a", "subnet-0b"]', "securityGroupIds": '["sg-0a"]'}
OPTIONS = {
    "plain": {},
    "serverless": {"serving": "serverless"},
    "network": {"network": "create"},
    "existing-network": EXISTING,
    "server": {"tracking": "server"},
    "app": {"tracking": "app"},
    "features": {"featureStore": "sagemaker"},
    "github": GITHUB,
    "told": {"notifications": '["oncall@example.com"]'},
    "everything": GITHUB
    | {
        "network": "create",
        "tracking": "server",
        "featureStore": "sagemaker",
        "notifications": '["oncall@example.com"]',
    },
}
"""What a stack may ask for, beside the plain one; each must evaluate, be wired, exported and applied."""
UNKNOWN_TO_TERRAFORM = frozenset({"app"})
"""The serverless MLflow app is younger than the provider that we prove against."""


def project(name: str = "shop", *, contract: str = "", stacks: tuple[str, ...] = ()) -> Path:
    """Make a project folder; `contract` is appended to, or replaces lines of, `loop.yaml` by their first word."""
    folder = Path(mkdtemp(prefix="loopwright-infra-"))
    for part in PARTS:
        source = BODY / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    shutil.copytree(ROOT / "infra", folder / "infra", ignore=shutil.ignore_patterns("__pycache__"))
    text = re.sub(r"(?m)^project: shop$", f"project: {name}", (folder / "loop.yaml").read_text())
    for line in contract.splitlines():
        text = re.sub(rf"(?m)^{line.split(':')[0]}:.*$", line, text)
    (folder / "loop.yaml").write_text(text)
    for stack in stacks:
        shutil.copy(folder / "infra/Pulumi.prod.yaml", folder / f"infra/Pulumi.{stack}.yaml")
    for file in folder.glob("infra/Pulumi*.yaml"):
        file.write_text(re.sub(r"(?m)^(name: |  )shop(:|$)", rf"\g<1>{name}\g<2>", file.read_text()))
    return folder


@cache
def _shop() -> Path:
    return project()


@cache
def shop(stack: str = "dev", option: str = "plain", *, image: bool = True, answers: str = "tokens"):
    """Return the graph of the sample project, evaluated once a test process."""
    settings = OPTIONS[option] | ({"imageDigest": DIGEST} if image else {})
    named = {f"shop:{key}": value for key, value in settings.items()}
    return load(_shop(), stack, settings=named, python=Path(sys.executable), answers=answers)
