"""Drive the Terraform CLI over an exported folder, with the real AWS provider speaking to the emulator.

The export stays as it is: what sends the provider to the emulator stands in an override file beside it, which Terraform
merges with the provider blocks. Everything Terraform writes goes into the folder; nothing is fetched from a network.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
# Prints a configuration that takes providers from a mirror on this machine; not part of the project.
FINDER = ROOT.parent / "shared" / "bin" / "terraform-cli-config"
FINDS = 3
"""It walks through folders, and gives up where one goes while it looks."""
OVERRIDE = "emulator_override.tf.json"
UNPROTECT = "unprotect_override.tf.json"
PLAN = "emulator.tfplan"
NO_CHANGES, CHANGES = 0, 2
TAIL_LINES = 40
# The provider's names of the services whose calls the emulator knows.
SERVICES = (
    *("applicationautoscaling", "budgets", "cloudwatch", "cloudwatchevents", "cloudwatchlogs", "ec2", "ecr"),
    *("iam", "kms", "lambda", "s3", "sagemaker", "scheduler", "sns", "sqs", "ssm", "sts"),
)
# Runs a command, and kills it with all that it started when standard input ends: a test that is killed leaves nothing.
WATCHED = """
import os, signal, subprocess, sys, threading
def watch():
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)
threading.Thread(target=watch, daemon=True).start()
os._exit(subprocess.call(sys.argv[1:], stdin=subprocess.DEVNULL))
"""
SETTINGS = {
    "access_key": "testing",
    "secret_key": "testing",  # pragma: allowlist secret - what moto takes
    "skip_credentials_validation": True,
    "skip_metadata_api_check": "true",
    "skip_requesting_account_id": False,
    "skip_region_validation": True,
    "s3_use_path_style": True,
    # A server's error is a fault of the emulator: trying it again for minutes would only hide it.
    "max_retries": 1,
}


@dataclass(frozen=True)
class Diagnostic:
    """An error or a warning of Terraform."""

    severity: str
    summary: str
    detail: str
    address: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.address}: {self.summary} {self.detail}".replace("\n", " ")


@dataclass(frozen=True)
class Plan:
    """What Terraform would do."""

    changes: bool
    document: dict[str, Any]

    def actions(self) -> dict[str, list[str]]:
        """Return what is planned for each resource that does not stay as it is."""
        resources = self.document.get("resource_changes", [])
        actions = {each["address"]: each["change"]["actions"] for each in resources}
        return {address: words for address, words in actions.items() if words not in (["no-op"], ["read"])}

    def drift(self) -> dict[str, list[tuple[str, Any, Any]]]:
        """Return the values that a resource has and those it would get, for each resource that would change."""
        return {
            each["address"]: list(_differences(each["change"]["before"] or {}, each["change"]["after"] or {}))
            for each in self.document.get("resource_changes", [])
            if each["address"] in self.actions()
        }


@dataclass(frozen=True)
class Applied:
    """What Terraform did: seconds by address, of all resources that were made, changed or destroyed."""

    seconds: dict[str, float] = field(default_factory=dict)


class TerraformError(Exception):
    """Terraform failed: its diagnostics, and the tail of what it said where it gave none."""

    def __init__(self, command: str, diagnostics: list[Diagnostic], tail: str) -> None:
        errors = [str(each) for each in diagnostics if each.severity == "error"]
        super().__init__(f"terraform {command}: " + ("\n".join(errors) or tail))
        self.diagnostics = diagnostics


class Terraform:
    """The Terraform CLI over one folder with a `main.tf.json`; `variables` are the values that the export asks for."""

    def __init__(self, folder: Path, endpoint: str, variables: Mapping[str, str] | None = None) -> None:
        self.folder, self._endpoint, self._variables = folder, endpoint, variables or {}
        (folder / OVERRIDE).write_text(json.dumps(self._override(), indent=2))
        (folder / "terraform.rc").write_text(cli_configuration() or "")

    def init(self) -> None:
        """Install the provider from the mirror."""
        self._run("init", "-input=false", "-no-color", timeout=120)

    def validate(self) -> list[Diagnostic]:
        """Return what is wrong with the configuration as the provider's schema and validators see it."""
        done = self._start("validate", "-json", timeout=120)
        return [_diagnostic(each) for each in json.loads(done.stdout)["diagnostics"]]

    def plan(self, *, timeout: float = 300) -> Plan:
        """Ask what would change, with `-detailed-exitcode`."""
        done = self._run("plan", "-json", "-input=false", "-detailed-exitcode", f"-out={PLAN}", timeout=timeout)
        document = json.loads(self._run("show", "-json", PLAN, timeout=120).stdout)
        return Plan(done.returncode == CHANGES, document)

    def apply(self, *, parallelism: int = 40, timeout: float = 600) -> Applied:
        """Make what the configuration says; in parallel as far as dependencies allow, for most of it is waiting."""
        words = ["-json", "-input=false", "-auto-approve", f"-parallelism={parallelism}"]
        return _applied(self._run("apply", *words, timeout=timeout).stdout)

    def destroy(self, *, parallelism: int = 40, timeout: float = 600) -> Applied:
        """Destroy everything that the state knows."""
        words = ["-json", "-input=false", "-auto-approve", f"-parallelism={parallelism}"]
        return _applied(self._run("destroy", *words, timeout=timeout).stdout)

    def unprotect(self) -> list[str]:
        """Lift the protection that the export puts on data, as `keepData: false` does: apply, and it can be destroyed.

        Buckets that are kept are not emptied either, and S3 deletes none that holds something. Returns the addresses.
        """
        resources = self._document().get("resource", {})
        kept = [(kind, name) for kind, named in resources.items() for name in named if _is_protected(named[name])]
        lifted: dict[str, dict[str, Any]] = {}
        for kind, name in kept:
            emptied = {"force_destroy": True} if kind == "aws_s3_bucket" else {}
            lifted.setdefault(kind, {})[name] = {"lifecycle": {"prevent_destroy": False}} | emptied
        (self.folder / UNPROTECT).write_text(json.dumps({"resource": lifted}, indent=2))
        return sorted(f"{kind}.{name}" for kind, name in kept)

    def state_list(self) -> list[str]:
        """Return the addresses of the managed resources in the state; data sources are none."""
        if not (self.folder / "terraform.tfstate").is_file():
            return []
        addresses = self._run("state", "list", timeout=60).stdout.split()
        return [address for address in addresses if not address.startswith("data.")]

    def _document(self) -> dict[str, Any]:
        return json.loads((self.folder / "main.tf.json").read_text())

    def _override(self) -> dict[str, Any]:
        written = self._document().get("provider", {}).get("aws", {})
        blocks = written if isinstance(written, list) else [written]
        endpoints = [dict.fromkeys(SERVICES, self._endpoint)]
        aliases = [{"alias": block["alias"]} if "alias" in block else {} for block in blocks]
        return {"provider": {"aws": [alias | SETTINGS | {"endpoints": endpoints} for alias in aliases]}}

    def _run(self, *words: str, timeout: float) -> subprocess.CompletedProcess[str]:
        done = self._start(*words, timeout=timeout)
        expected = (NO_CHANGES, CHANGES) if "-detailed-exitcode" in words else (0,)
        if done.returncode not in expected:
            tail = "\n".join((done.stderr + done.stdout).splitlines()[-TAIL_LINES:])
            raise TerraformError(words[0], [_diagnostic(each) for each in _events(done.stdout, "diagnostic")], tail)
        return done

    def _start(self, *words: str, timeout: float) -> subprocess.CompletedProcess[str]:
        command = ["terraform", *words]
        ours, theirs = os.pipe()[::-1]
        with (
            os.fdopen(ours, "wb"),  # closed when this process ends, however that comes about
            subprocess.Popen(
                [sys.executable, "-c", WATCHED, *command],
                cwd=self.folder,
                env=self._environment(),
                stdin=theirs,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            ) as process,
        ):
            os.close(theirs)
            try:
                said, complained = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                raise TerraformError(words[0], [], f"did not end within {timeout:.0f} s") from None
            finally:
                # Its providers too, which outlive it when it is interrupted.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        return subprocess.CompletedProcess(command, process.returncode, said, complained)

    def _environment(self) -> dict[str, str]:
        """Return the little that Terraform needs: no credentials, no proxy, and no way to AWS itself."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        given = {f"TF_VAR_{name}": value for name, value in self._variables.items()}
        return (
            kept
            | given
            | {
                "HOME": str(self.folder),
                "TF_CLI_CONFIG_FILE": str(self.folder / "terraform.rc"),
                "TF_IN_AUTOMATION": "1",
                "CHECKPOINT_DISABLE": "1",
                # A service that SERVICES does not name is sent to the emulator all the same.
                "AWS_ENDPOINT_URL": self._endpoint,
                # Each command starts the provider anew, and half of its time goes into collecting garbage.
                "GOGC": "400",
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            }
        )


@functools.cache
def cli_configuration() -> str | None:
    """Return a CLI configuration that names a provider mirror of this machine, or None where there is none."""
    for name in ("LOOPWRIGHT_TERRAFORM_RC", "TF_CLI_CONFIG_FILE"):
        # A variable may name a file that this machine has not: Terraform then takes no configuration at all.
        if os.environ.get(name) and Path(os.environ[name]).is_file():
            return Path(os.environ[name]).read_text()
    if not FINDER.is_file():
        return None
    for _ in range(FINDS):
        found = subprocess.run([FINDER], capture_output=True, text=True, check=False)
        if found.returncode == 0:
            return found.stdout
    return None


def find_terraform() -> str | None:
    """Return why Terraform cannot be used here, or None."""
    if not shutil.which("terraform"):
        return "terraform is not on the PATH"
    if not cli_configuration():
        return "there is no mirror of Terraform providers; LOOPWRIGHT_TERRAFORM_RC names a CLI configuration with one"
    return None


def need_terraform() -> None:
    """Skip the test without Terraform, or fail it where LOOPWRIGHT_REQUIRE holds the word `terraform`."""
    reason = find_terraform()
    if reason and "terraform" in os.environ.get("LOOPWRIGHT_REQUIRE", "").replace(",", " ").split():
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


def _is_protected(resource: dict[str, Any]) -> bool:
    lifecycle = resource.get("lifecycle", {})
    return bool((lifecycle[0] if isinstance(lifecycle, list) else lifecycle).get("prevent_destroy"))


def _events(stdout: str, kind: str) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in stdout.splitlines() if line.startswith("{")]
    return [event.get(kind, event.get("hook")) for event in events if event.get("type") == kind]


def _diagnostic(raw: dict[str, Any]) -> Diagnostic:
    address = raw.get("address") or (raw.get("snippet") or {}).get("context") or ""
    return Diagnostic(raw["severity"], raw["summary"], raw.get("detail", ""), address)


def _applied(stdout: str) -> Applied:
    done = {hook["resource"]["addr"]: hook.get("elapsed_seconds", 0.0) for hook in _events(stdout, "apply_complete")}
    return Applied({address: seconds for address, seconds in done.items() if not address.startswith("data.")})


def _differences(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from _differences(before.get(key), after.get(key), f"{path}.{key}".lstrip("."))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differences(old, new, f"{path}[{index}]")
    elif before != after:
        yield path, before, after
