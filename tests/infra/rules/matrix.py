"""Many mutants before the slow judges at once: each is a module of one Terraform configuration.

Validating or planning one mutant takes as long as starting the provider, so they are done together: what is refused is
taken out, with the mutants that it names, until the rest is planned. Beside them stands the program as it is; what
checkov has against that, too, was not found in a mutant.
"""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from projects import shop
from terraform import PLAN, Terraform

from loopwright.terraform.export import export
from loopwright.terraform.write import write
from rules.judges import checkov, written

if TYPE_CHECKING:
    from pathlib import Path

AS_IT_IS = "as-it-is"
PLANS_SECONDS = 3000


@dataclass
class Verdicts:
    """Who caught which mutants, by id."""

    seen: set[str] = field(default_factory=set)
    validate: set[str] = field(default_factory=set)
    plan: set[str] = field(default_factory=set)
    checkov_plan: dict[str, set[str]] = field(default_factory=dict)
    """With the ids of the checks."""
    checkov_json: dict[str, set[str]] = field(default_factory=dict)

    def add(self, other: Verdicts) -> None:
        """Take another's verdicts over."""
        self.seen |= other.seen
        self.validate |= other.validate
        self.plan |= other.plan
        self.checkov_plan |= other.checkov_plan
        self.checkov_json |= other.checkov_json

    @classmethod
    def read(cls, path: Path) -> Verdicts:
        """Return what an earlier run has kept in a file; nothing where there is none."""
        if not path.is_file():
            return cls()
        kept = json.loads(path.read_text())
        sets = {name: set(kept[name]) for name in ("seen", "validate", "plan")}
        checks = {name: {key: set(ids) for key, ids in kept[name].items()} for name in ("checkov_plan", "checkov_json")}
        return cls(**sets, **checks)

    def write(self, path: Path) -> None:
        """Keep everything in a file."""
        sets = {name: sorted(getattr(self, name)) for name in ("seen", "validate", "plan")}
        checks = {
            name: {key: sorted(ids) for key, ids in sorted(getattr(self, name).items()) if ids}
            for name in ("checkov_plan", "checkov_json")
        }
        path.write_text(json.dumps(sets | checks, indent=1))

    def judges(self, mutant: str) -> set[str]:
        """Return who caught a mutant."""
        found = {name for name in ("validate", "plan") if mutant in getattr(self, name)}
        return found | {name for name in ("checkov_plan", "checkov_json") if getattr(self, name).get(mutant)}


def judge(mutants, original, option, folder, endpoint) -> Verdicts:
    """Return the slow judges' verdicts on mutants of one variant.

    Args:
        mutants: Broken documents by id.
        original: The document that they were made of.
        option: The variant that it was exported from, for the archives beside it.
        folder: An empty folder to work in.
        endpoint: The emulator's.
    """
    verdicts = Verdicts(seen=set(mutants))
    documents = {AS_IT_IS: original, **mutants}
    with ThreadPoolExecutor(max_workers=1) as pool:  # it is a process of its own, and Terraform mostly waits
        read = pool.submit(_read, documents, folder / "json")
        _planned_or_refused(verdicts, documents, option, folder, endpoint)
        verdicts.checkov_json = read.result()
    return verdicts


def _planned_or_refused(verdicts, documents, option, folder, endpoint):
    root = folder / "plan"
    _modules(root, documents, option)
    left = dict(documents)
    provider = next(each["provider"] for name, each in documents.items() if name != AS_IT_IS)
    while True:
        cli = _root(root, left, provider, endpoint)
        refused = _refused(cli._start("validate", "-json", timeout=PLANS_SECONDS), left)
        if not refused:
            break
        verdicts.validate |= refused
        left = {name: document for name, document in left.items() if name not in refused}
    while True:
        done = cli._start("plan", "-json", "-input=false", f"-out={PLAN}", timeout=PLANS_SECONDS)
        if done.returncode == 0:
            break
        refused = _refused(done, left)
        assert refused, done.stdout[-3000:] + done.stderr[-3000:]
        verdicts.plan |= refused
        left = {name: document for name, document in left.items() if name not in refused}
        cli = _root(root, left, provider, endpoint)
    assert AS_IT_IS in left
    shown = json.loads(cli._run("show", "-json", PLAN, timeout=PLANS_SECONDS).stdout)
    verdicts.checkov_plan = _planned(shown, left, folder / "plans")


def _planned(shown, left, folder):
    """Let checkov read a plan of each module by itself: of policies in modules it reads nothing (a trap)."""
    folder.mkdir()
    words = []
    for name in left:
        (folder / f"{name}.json").write_text(json.dumps(_alone(shown, name)))
        words += ["--file", folder / f"{name}.json"]
    (verdict,) = checkov(*words, "--framework", "terraform_plan")
    assert verdict.count == sum(len(_alone(shown, name)["resource_changes"]) for name in left)
    return _new(verdict.placed, {str(folder / f"{name}.json"): name for name in left})


def _alone(shown, name):
    """Return the plan that a module would have as a configuration of its own."""
    prefix = f"module.{name}."
    (planned,) = [m for m in shown["planned_values"]["root_module"]["child_modules"] if m["address"] == prefix[:-1]]
    resources = [{**each, "address": each["address"].removeprefix(prefix)} for each in planned["resources"]]
    changes = [
        {key: value for key, value in each.items() if key != "module_address"}
        | {"address": each["address"].removeprefix(prefix)}
        for each in shown["resource_changes"]
        if each.get("module_address") == prefix[:-1] and each["mode"] == "managed"
    ]
    configuration = shown["configuration"]
    module = configuration["root_module"]["module_calls"][name]["module"]
    kept = {key: value for key, value in shown.items() if key != "prior_state"}
    return kept | {
        "planned_values": {"root_module": {"resources": resources}},
        "resource_changes": changes,
        "configuration": {"provider_config": configuration["provider_config"], "root_module": module},
    }


def _modules(root, documents, option):
    source = root / "original"
    source.mkdir(parents=True)
    write(source, export(shop("prod", option)))
    for name, document in documents.items():
        module = root / name
        module.mkdir()
        shutil.copytree(source / "assets", module / "assets")
        kept = {key: document[key] for key in ("resource", "data") if key in document}
        (module / "main.tf.json").write_text(json.dumps(kept))


def _root(root, left, provider, endpoint):
    modules = {name: {"source": f"./{name}"} for name in left}
    terraform = json.loads((root / "original" / "main.tf.json").read_text())["terraform"]
    text = json.dumps({"terraform": terraform, "provider": provider, "module": modules})
    (root / "main.tf.json").write_text(text)
    cli = Terraform(root, endpoint)
    cli.init()
    return cli


def _refused(done, left):
    """Return the mutants that an answer of Terraform names."""
    try:
        told = json.loads(done.stdout)["diagnostics"]
    except (ValueError, KeyError):
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        told = [line["diagnostic"] for line in lines if line.get("type") == "diagnostic"]
    found = set()
    for each in told:
        if each["severity"] != "error":
            continue
        file = (each.get("range") or {}).get("filename", "")
        told_of = f"{each.get('address', '')} {each['summary']}"
        named = [name for name in left if file.startswith(f"{name}/") or f"module.{name}." in told_of]
        assert named, each
        found.update(named)
    assert AS_IT_IS not in found, told
    return found


def _read(documents, folder):
    """Let checkov read the documents themselves, each by itself."""
    words = []
    for name, document in documents.items():
        words += ["--directory", written(document, folder / name)]
    found = checkov(*words, "--framework", "terraform_json")
    places = {str(folder / name / "main.tf.json"): name for name in documents}
    return _new({each for verdict in found for each in verdict.placed}, places)


def _new(placed, places):
    """Return the checks that fail in each mutant and not in the program as it is, by the file that each was for."""
    failed = {name: set() for name in places.values()}
    for place, check, resource in placed:
        failed[places[place]].add((check, resource))
    before = failed.pop(AS_IT_IS)
    return {name: {check for check, _ in found - before} for name, found in failed.items()}
