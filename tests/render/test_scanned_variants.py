"""Every scanner finds nothing in any generated variant and in our own files, and finds what it is there for."""

from __future__ import annotations

import hashlib
import itertools
import subprocess

import pytest
from scanners import BLOCKS, SCANNERS, TESTS, run_blocks, write_blocks

from conftest import ROOT
from datasets import SHAPES, write
from loopwright.cli import run
from loopwright.repository.catalog import BODY
from loopwright.repository.hosts import HOSTS

LICENSES = ("apache-2.0", "mit", "proprietary")
REMOTES = ("", "s3://a-bucket/a prefix")


@pytest.fixture(scope="module")
def variants(tmp_path_factory):
    """Return a repository for each host, and one for each shape of data, with all other answers in turn."""
    made, room = [], tmp_path_factory.mktemp("variants")
    hosts, licenses, remotes = itertools.cycle(HOSTS), itertools.cycle(LICENSES), itertools.cycle(REMOTES)
    for shape in (*[None] * len(HOSTS), *SHAPES):
        host, target = next(hosts), room / f"v-{len(made)}"
        words = [f"ci={host}", f"license={next(licenses)}", f"dvc_remote={next(remotes)}"]
        words += ["owners=@acme/ml,@octocat"] if host != "none" and len(made) % 2 == 0 else []
        data = ["--data", str(write(room, shape)), *shape.words()] if shape else []
        settings = [word for each in words for word in ("--set", each)]
        assert run(["new", str(target), *data, *settings, "--no-input", "--no-git"]) == 0
        write_blocks(target)
        made.append(target)
    return made


@pytest.fixture(scope="module")
def texts(variants):
    """Return which files of each variant no earlier one has: most are the same in all, and need one look."""
    seen, found = set(), {}
    for root in variants:
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            name = path.relative_to(root).as_posix()
            mark = (name, hashlib.sha256(path.read_bytes()).digest())
            if mark not in seen:
                found.setdefault(root, []).append(name)
            seen.add(mark)
    return found


@pytest.fixture(params=SCANNERS)
def scanner(request):
    found = SCANNERS[request.param]
    found.need()
    return found


def test_nothing_is_found_in_any_variant(scanner, texts, figures, request):
    looked_at = {root: scanner.files(root, names) for root, names in texts.items()}
    assert any(looked_at.values())
    found = [each for root, files in looked_at.items() if files for each in scanner.findings(root, files)]
    assert found == []
    label = request.node.callspec.params["scanner"]
    figures(f"{label}: {sum(map(len, looked_at.values()))} different files of {len(texts)} variants, 0 findings")


def test_nothing_is_found_in_our_own_files(scanner, figures, request):
    """The template's are found in the variants, and what is golden is a copy of one of them."""
    git = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(git, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{ROOT} is no clone: {done.stderr.strip()}")
    ours = [name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]
    ours = [name for name in ours if BODY not in name and not name.startswith("tests/golden/tabular/")]
    files = scanner.files(ROOT, ours)
    if not files:
        pytest.skip("none of our own files is one that it reads")
    assert scanner.findings(ROOT, files) == []
    figures(f"{request.node.callspec.params['scanner']}: {len(files)} of our own files, 0 findings")


KEY = "wJalrXUtnFEMI" + "/K7MDENG/bPxRfiCYEXAMPLEKEY"
"""AWS's example of a secret key, in two parts: these lines are scanned as well."""
DIGITS = hashlib.sha256(b"").hexdigest()[:20]
CT, FORM = ".github/workflows/ct.yml", ".github/ISSUE_TEMPLATE/bug.yml"
FAULTS = [
    ("zizmor, as its strictest auditor", CT, '"$WHY"', '"${{ inputs.reason }}"', "template-injection"),
    ("zizmor, as its strictest auditor", CT, "permissions: {}", "permissions: write-all", "excessive"),
    ("actionlint", CT, "inputs.reason", "inputs.raeson", "raeson"),
    ("actionlint", CT, '"$WHO"', "$WHO", "SC2086"),
    ("schema of workflows", CT, "runs-on", "run-on", "run-on"),
    ("schema of Dependabot", ".github/dependabot.yml", "interval: weekly", "interval: sometimes", "sometimes"),
    ("schema of issue forms", FORM, "type: dropdown", "type: drop", "drop"),
    (
        "schema of the issue chooser",
        ".github/ISSUE_TEMPLATE/config.yml",
        "blank_issues",
        "blank_sheets",
        "blank_sheets",
    ),
    ("schema of GitLab", ".gitlab-ci.yml", "stages:", "stages: 7 #", "stages"),
    ("shellcheck", ".ci/up", "set -", "rm -rf $1\nset -", "SC2086"),
    ("shellcheck", f"{BLOCKS}/000", "\n", "\necho $UNQUOTED\n", "SC2086"),
    ("hadolint", "Dockerfile", "# hadolint ignore=DL3008", "#", "DL3008"),
    ("hadolint", "Dockerfile", "EXPOSE 8080", "EXPOSE 8080\nRUN cd /tmp && sudo true", "DL3004"),
    ("detect-secrets", "ml/params.py", "Share = ", f'aws_secret_access_key = "{KEY}"\nShare = ', "Secret Keyword"),
    ("detect-secrets", ".ci/up", "set -", "export KEY=AKIA" + "IOSFODNN7EXAMPLX", "AWS Access Key"),
    ("detect-secrets", ".dvc/config", "url = ", "url = https://me:" + "passw0rd@host/ ", "Basic Auth"),
    ("detect-secrets", ".loopwright.yml", "answers:", f"answers:\n  other: '{DIGITS}'", "Hex High"),
    ("detect-secrets", "README.md", "## Commands", "-----BEGIN RSA " + "PRIVATE KEY-----", "Private Key"),
    ("bandit", "ml/hashes.py", "check=False", "check=False, shell=True", "B602"),
    ("bandit", "ml/params.py", "import yaml", "import yaml\nyaml.load('x', Loader=yaml.Loader)", "B506"),
    ("bandit", "ml/params.py", "import yaml", "import pickle\npickle.loads(b'')", "B301"),
    ("bandit, of tests", "tests/stages.py", "import copy", "import copy\neval(input())", "B307"),
]


@pytest.fixture(scope="module")
def broken(variants, tmp_path_factory):
    """Return a function that plants a fault in a file, alone in a folder but for what configures the scanners."""

    def plant(path, old, new):
        room = tmp_path_factory.mktemp("broken")
        root = next(each for each in variants if (each / path).exists())
        for name in (path, "pyproject.toml"):
            (room / name).parent.mkdir(parents=True, exist_ok=True)
            (room / name).write_text((root / name).read_text(encoding="utf-8"), encoding="utf-8")
        text = (room / path).read_text(encoding="utf-8")
        assert old in text
        (room / path).write_text(text.replace(old, new, 1), encoding="utf-8")
        return room

    return plant


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{one[0]}-{one[4]}" for one in FAULTS])
def test_each_finds_what_it_is_there_for(broken, fault):
    name, path, old, new, said = fault
    SCANNERS[name].need()
    root = broken(path, old, new)
    assert SCANNERS[name].files(root, [path]) == [path]
    assert any(said in each for each in SCANNERS[name].findings(root, [path]))


def test_no_scanner_is_without_a_fault_that_it_finds():
    assert {fault[0] for fault in FAULTS} == set(SCANNERS)


def test_every_block_of_the_pipelines_is_looked_at(variants):
    github = next(root for root in variants if (root / ".github").exists())
    assert len(list((github / BLOCKS).iterdir())) == len(run_blocks(github)) > 0


def test_what_is_passed_over_in_tests_is_looked_for_elsewhere(broken):
    """Passing over a rule for tests must not turn it off for the code."""
    SCANNERS["bandit"].need()
    root = broken("ml/params.py", "import yaml", 'import yaml\npassword = "hush"\n')
    assert any("B105" in each for each in SCANNERS["bandit"].findings(root, ["ml/params.py"]))
    assert "B105" in TESTS
