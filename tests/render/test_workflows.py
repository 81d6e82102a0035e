"""The pipelines of a generated repository, for every host: what judges from outside find, and what we ask of them."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
import yaml
from rules.judges import folder, need_judges

from loopwright.cli import run
from loopwright.repository.hosts import HOSTS, wanted

JUDGES = ("actionlint", "check-jsonschema", "shellcheck", "zizmor")
PLACES = (".github/**/*.yml", ".gitlab-ci.yml", ".ci/*")
COMMANDS = re.compile(r"(?:\.ci/|make )[a-z]+(?: DATA=sample)?")
PINNED = re.compile(r"uses: (?:\$/\.github/|[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$)")
OWN = "github.event.pull_request.head.repo.full_name == github.repository"
SAFE_FOR_PULL_REQUESTS = re.compile(r"data|.*-preview")
"""Environments whose roles only read."""


@pytest.fixture(scope="module")
def repositories(tmp_path_factory):
    """Return a repository for each host."""
    made = {host: tmp_path_factory.mktemp("ci") / host for host in HOSTS}
    for host, target in made.items():
        assert run(["new", str(target), "--no-input", "--no-git", "--set", f"ci={host}"]) == 0
    return made


@pytest.fixture
def github(repositories):
    return repositories["github"]


@pytest.fixture
def judge():
    """Return a function that calls a judge and returns how it ended; it asks no network."""
    need_judges(*JUDGES)

    def call(name, *words, given=None):
        command = [folder() / name, *map(str, words)]
        environment = {"PATH": str(folder()), "NO_COLOR": "1"}
        return subprocess.run(command, input=given, env=environment, capture_output=True, text=True, check=False)

    return call


def workflows(repository):
    return sorted(repository.glob(".github/workflows/*.yml"))


def jobs(repository):
    """Return every job of every workflow: (file, what starts the workflow, name, job)."""
    for file in workflows(repository):
        document = yaml.safe_load(file.read_text())
        for name, job in document["jobs"].items():
            yield file.name, document[True], name, job  # YAML 1.1 reads `on` as true


def blocks(repository):
    """Return every `run:` block."""
    return [step["run"] for *_, job in jobs(repository) for step in job.get("steps", ()) if "run" in step]


def gitlab_scripts(repository):
    """Return what every job of GitLab runs, as one text each."""
    document = yaml.safe_load((repository / ".gitlab-ci.yml").read_text())
    given = [job.get(key) for job in document.values() if isinstance(job, dict) for key in ("before_script", "script")]
    return ["\n".join(_flat(each)) for each in given if each]


def _flat(lines):
    return [lines] if isinstance(lines, str) else [inner for line in lines for inner in _flat(line)]


# --- which files there are


def test_a_repository_has_the_files_of_its_host_alone(repositories):
    there = {
        host: {
            name for name in (".github/workflows/ci.yml", ".gitlab-ci.yml", ".ci/up") if (repository / name).exists()
        }
        for host, repository in repositories.items()
    }
    assert there == {
        "github": {".github/workflows/ci.yml", ".ci/up"},
        "gitlab": {".gitlab-ci.yml", ".ci/up"},
        "none": set(),
    }
    assert not (repositories["gitlab"] / ".github").exists()


def test_an_unknown_host_is_refused(tmp_path, loopwright):
    done = loopwright("new", tmp_path / "x", "--no-input", "--set", "ci=jenkins")
    assert done.code == 2
    assert "'github', 'gitlab' or 'none'" in done.stderr
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("host", HOSTS)
def test_what_is_for_no_host_is_for_all(host):
    assert all(
        wanted(path, host) for path in ("ml/train.py", ".gitignore", ".circleci/x", "a/.github/x", ".dvc/config")
    )


# --- judges from outside


def test_zizmor_finds_nothing_as_its_strictest_auditor(github, judge, figures):
    words = ("--offline", "--persona", "auditor", "--strict-collection", "--format", "json", "--no-progress")
    done = judge("zizmor", *words, github)
    assert (done.returncode, json.loads(done.stdout)) == (0, []), done.stdout + done.stderr
    looked_at = re.findall(r"completed (\S+)", done.stderr)
    assert len(looked_at) == len(workflows(github)) + 1
    figures(f"zizmor, auditor: {len(looked_at)} files, 0 findings")


def test_actionlint_finds_nothing(github, judge, figures):
    done = judge("actionlint", "-no-color", *workflows(github))
    assert (done.returncode, done.stdout) == (0, ""), done.stdout
    figures(
        f"actionlint, with shellcheck: {len(workflows(github))} workflows, {len(blocks(github))} run blocks, 0 findings"
    )


def test_the_schemas_hold(repositories, judge):
    github, gitlab = repositories["github"], repositories["gitlab"]
    for schema, *files in (
        ("github-workflows", *workflows(github)),
        ("dependabot", github / ".github/dependabot.yml"),
        ("gitlab-ci", "--data-transform", "gitlab-ci", gitlab / ".gitlab-ci.yml"),
    ):
        done = judge("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("host", ["github", "gitlab"])
def test_shellcheck_finds_nothing(repositories, judge, figures, host):
    repository = repositories[host]
    scripts = sorted((repository / ".ci").iterdir())
    done = judge("shellcheck", "--norc", *scripts)
    assert done.returncode == 0, done.stdout
    texts, shell = (blocks(repository), "bash") if host == "github" else (gitlab_scripts(repository), "sh")
    for text in texts:
        done = judge("shellcheck", "--norc", f"--shell={shell}", "-", given=text)
        assert done.returncode == 0, text + done.stdout
    figures(f"shellcheck, {host}: {len(scripts)} scripts and {len(texts)} blocks, 0 findings")


def test_the_judges_find_what_they_are_there_for(github, judge, tmp_path):
    text = (github / ".github/workflows/ct.yml").read_text()
    broken = tmp_path / ".github/workflows/ct.yml"
    broken.parent.mkdir(parents=True)
    for name, words, old, new, said in (
        ("zizmor", ("--offline", "--persona", "auditor"), '"$WHY"', '"${{ inputs.reason }}"', "template-injection"),
        ("zizmor", ("--offline", "--persona", "auditor"), "permissions: {}", "permissions: write-all", "excessive"),
        ("actionlint", (), "inputs.reason", "inputs.raeson", "raeson"),
        ("actionlint", (), '"$WHO"', "$WHO", "SC2086"),
        ("check-jsonschema", ("--builtin-schema", "vendor.github-workflows"), "runs-on", "run-on", "run-on"),
    ):
        assert old in text
        broken.write_text(text.replace(old, new))
        done = judge(name, *words, broken)
        assert done.returncode != 0, f"{name}: {new}"
        assert said in done.stdout + done.stderr


# --- what we ask besides


def test_nothing_may_do_anything_unless_its_job_says_so(github):
    for file in workflows(github):
        document = yaml.safe_load(file.read_text())
        assert document["permissions"] == {}, file.name
        assert set(document[True]) <= {"push", "pull_request", "workflow_call", "workflow_dispatch"}, file.name
    for file, _, name, job in jobs(github):
        assert "permissions" in job, f"{file}: {name}"
        assert "timeout-minutes" in job or "uses" in job, f"{file}: {name}"
        assert set(job["permissions"].items()) <= {
            ("contents", "read"),
            ("id-token", "write"),
            ("pull-requests", "write"),
        }


def test_every_action_is_pinned_and_leaves_no_token_behind(github):
    for file in workflows(github):
        for line in file.read_text().splitlines():
            assert "uses:" not in line or PINNED.search(line), f"{file.name}: {line}"
    for file, _, name, job in jobs(github):
        for step in job.get("steps", ()):
            if "checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False, f"{file}: {name}"


def test_no_pull_request_of_a_fork_reaches_a_credential(github):
    """And none at all reaches a role that may change something."""
    for file, on, name, job in jobs(github):
        if "id-token" not in job["permissions"] or "uses" in job:
            continue
        assert job.get("environment"), f"{file}: {name} takes a role in no environment"
        reached = "pull_request" in on and "github.event_name == 'push'" not in job.get("if", "")
        if reached:
            assert OWN in job["if"], f"{file}: {name}"
            assert SAFE_FOR_PULL_REQUESTS.fullmatch(job["environment"]), f"{file}: {name}"


def test_a_token_that_may_write_meets_no_code_of_the_change(github):
    writing = [job for *_, job in jobs(github) if "pull-requests" in job["permissions"]]
    assert [("contents" in job["permissions"], OWN in job["if"]) for job in writing] == [(False, True)]
    assert not any("uses" in step for job in writing for step in job["steps"])


def test_there_are_no_stored_keys(repositories):
    for repository in repositories.values():
        for file in [
            *repository.glob(".github/**/*.yml"),
            *repository.glob(".gitlab-ci.yml"),
            *repository.glob(".ci/*"),
        ]:
            text = file.read_text()
            assert "secrets." not in text, file
            assert not re.search(r"access.key|ACCESS_TOKEN|AKIA", text, re.IGNORECASE), file


def test_one_image_goes_all_the_way(github):
    cd = yaml.safe_load((github / ".github/workflows/cd.yml").read_text())["jobs"]
    stacks = [name for name, job in cd.items() if "uses" in job]
    assert stacks == ["dev", "staging", "prod"]
    before = "image"
    for stack in stacks:
        assert cd[stack]["with"] == {"stack": stack, "image": "${{ needs.image.outputs.image }}"}
        assert before in cd[stack]["needs"]
        before = stack
    assert sum(".ci/image" in block for block in blocks(github)) == 1


def test_both_hosts_run_the_same_and_all_of_it_is_there(repositories):
    github = set(COMMANDS.findall("\n".join(blocks(repositories["github"]))))
    gitlab = set(COMMANDS.findall("\n".join(gitlab_scripts(repositories["gitlab"]))))
    assert github == gitlab
    goals = set(re.findall(r"(?m)^([a-z]+):", (repositories["github"] / "Makefile").read_text()))
    assert {each.split()[1] for each in github if each.startswith("make")} <= goals
    scripts = {f".ci/{path.name}": path.stat().st_mode & 0o111 for path in (repositories["gitlab"] / ".ci").iterdir()}
    assert {each for each in github if each.startswith(".ci")} == set(scripts)
    assert all(scripts.values())
