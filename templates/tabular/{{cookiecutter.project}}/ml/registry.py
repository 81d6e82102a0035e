"""The registry: versions of the model in MLflow, and who is champion.

The alias `champion` names the version that serves, `challenger` the newest one that passed the gates. Each version
remembers whose place it took, so that a rollback is one step back, and its SHA-256, without which nothing is fetched.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml import contract as contracts
from ml.artefact import verify
from ml.errors import LoopError
from ml.paths import SERVING
from ml.tracking import client

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlflow import MlflowClient

CHAMPION, CHALLENGER = "champion", "challenger"
REPLACED, ROLLED_BACK = "replaced_version", "rolled_back"


class RegistryError(LoopError):
    """The registry does not hold what was asked for."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """One registered version."""

    number: str
    run_id: str
    source: str
    tags: Mapping[str, str]

    @property
    def sha256(self) -> str:
        """The SHA-256 that `ml/artefact.py` gives its model folder."""
        return self.tags["model_sha256"]


@dataclass(frozen=True)
class Registry:
    """The versions of one model."""

    name: str
    server: MlflowClient = field(default_factory=client)

    def register(self, run_id: str, tags: Mapping[str, str]) -> Version:
        """Register the model of a run as the challenger; the same model twice is one version."""
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - seconds to import

        same = [version for version in self.versions() if version.sha256 == tags["model_sha256"]]
        if same:
            made = same[0]
        else:
            try:
                self.server.create_registered_model(self.name)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            source = f"{self.server.get_run(run_id).info.artifact_uri}/model"
            made = _version(self.server.create_model_version(self.name, source, run_id, tags=dict(tags)))
        self.server.set_registered_model_alias(self.name, CHALLENGER, made.number)
        return made

    def versions(self) -> list[Version]:
        """Return all versions, the newest first."""
        found = self.server.search_model_versions(f"name='{self.name}'")
        return sorted(map(_version, found), key=lambda version: -int(version.number))

    def holder(self, alias: str) -> Version | None:
        """Return the version that an alias names, if any."""
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        try:
            return _version(self.server.get_model_version_by_alias(self.name, alias))
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise

    def promote(self, number: str | None = None) -> Version:
        """Make a version (by default the challenger) the champion; a rollback of it is forgiven.

        Raises:
            RegistryError: There is no such version.
        """
        chosen = self._find(number)
        champion = self.holder(CHAMPION)
        if champion is not None and champion.number != chosen.number:
            self.server.set_model_version_tag(self.name, chosen.number, REPLACED, champion.number)
        if ROLLED_BACK in chosen.tags:
            self.server.delete_model_version_tag(self.name, chosen.number, ROLLED_BACK)
        self.server.set_registered_model_alias(self.name, CHAMPION, chosen.number)
        return chosen

    def rollback(self) -> Version:
        """Make the version that the champion replaced the champion again.

        Raises:
            RegistryError: There is no champion, or it replaced none.
        """
        champion = self.holder(CHAMPION)
        before = champion.tags.get(REPLACED) if champion else None
        if champion is None or before is None:
            raise RegistryError(
                "there is nothing to roll back to",
                because="no version is champion yet"
                if champion is None
                else f"version {champion.number} replaced none",
                attempt="make promote VERSION=N, with a version that `make versions` lists",
            )
        self.server.set_model_version_tag(self.name, champion.number, ROLLED_BACK, "true")
        self.server.set_registered_model_alias(self.name, CHAMPION, before)
        return self._find(before)

    def fetch(self, version: Version, folder: Path) -> Path:
        """Put the model of a version into ``folder``, which is replaced.

        Raises:
            ArtefactError: What the registry holds is not what was registered.
        """
        from mlflow.artifacts import download_artifacts  # noqa: PLC0415

        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as room:
            found = Path(download_artifacts(artifact_uri=version.source, dst_path=room))
            verify(found, version.sha256)
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(found, folder)
        return folder

    def _find(self, number: str | None) -> Version:
        if number is None:
            chosen = self.holder(CHALLENGER)
        else:
            chosen = next((version for version in self.versions() if version.number == number), None)
        if chosen is None:
            there = ", ".join(version.number for version in self.versions()) or "none"
            raise RegistryError(
                f"there is no version {number}" if number else "there is no challenger",
                because=f"the registered versions of {self.name} are: {there}",
                attempt="make run registers one when it passes the gates",
            )
        return chosen


def _version(found: Any) -> Version:
    return Version(number=str(found.version), run_id=found.run_id, source=found.source, tags=dict(found.tags))


def promote(arguments: Sequence[str]) -> None:
    """Run `python -m ml promote [VERSION]`."""
    version = Registry(contracts.load().project).promote(arguments[0] if arguments else None)
    sys.stdout.write(f"version {version.number} is the champion\n")


def rollback(_arguments: Sequence[str] = ()) -> None:
    """Run `python -m ml rollback`."""
    version = Registry(contracts.load().project).rollback()
    sys.stdout.write(f"version {version.number} is the champion again\n")


def fetch(arguments: Sequence[str]) -> None:
    """Run `python -m ml fetch [FOLDER]`: the champion's model, or an empty folder while there is none."""
    folder, registry = Path(arguments[0]) if arguments else SERVING, Registry(contracts.load().project)
    champion = registry.holder(CHAMPION)
    if champion is None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        sys.stdout.write("no champion yet\n")
    else:
        registry.fetch(champion, folder)
        sys.stdout.write(f"{champion.sha256}\n")


def versions(_arguments: Sequence[str] = ()) -> None:
    """Run `python -m ml versions`."""
    registry = Registry(contracts.load().project)
    holders = {alias: registry.holder(alias) for alias in (CHAMPION, CHALLENGER)}
    for version in registry.versions():
        aliases = [alias for alias, holder in holders.items() if holder and holder.number == version.number]
        marks = aliases + ([ROLLED_BACK.replace("_", " ")] if ROLLED_BACK in version.tags else [])
        sys.stdout.write(
            f"{version.number:>4}  {version.sha256[:12]}  {version.tags['git_commit'][:12]}  {', '.join(marks)}\n"
        )
