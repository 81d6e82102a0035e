"""The pipelines and templates of a generated repository, for every host: which there are, and what we ask of them."""

from __future__ import annotations

import re

import pytest
import yaml
from scanners import gitlab_scripts, jobs, run_blocks

from loopwright.cli import run
from loopwright.repository.hosts import HOSTS, wanted

COMMANDS = re.compile(r"(?:\.ci/|make )[a-z]+(?: DATA=sample)?")
PINNED = re.compile(r"uses: (?:\$/\.github/|[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$)")
OWN = "github.event.pull_request.head.repo.full_name == github.repository"
SAFE_FOR_PULL_REQUESTS = re.compile(r"data|.*-preview")
"""Environments whose roles only read."""


FILES = {
    "github": {
        ".github/workflows/ci.yml",
        ".github/ISSUE_TEMPLATE/bug.yml",
        ".github/ISSUE_TEMPLATE/model.yml",
        ".github/pull_request_template.md",
    },
    "gitlab": {
        ".gitlab-ci.yml",
        ".gitlab/issue_templates/bug.md",
        ".gitlab/issue_templates/model.md",
        ".gitlab/merge_request_templates/default.md",
    },
    "both": {".ci/up"},
}


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


def workflows(repository):
    return sorted(repository.glob(".github/workflows/*.yml"))


# --- which files there are


def test_a_repository_has_the_files_of_its_host_alone(repositories):
    there = {
        host: {name for names in FILES.values() for name in names if (repository / name).exists()}
        for host, repository in repositories.items()
    }
    assert there == {
        "github": FILES["github"] | FILES["both"],
        "gitlab": FILES["gitlab"] | FILES["both"],
        "none": set(),
    }
    assert not (repositories["gitlab"] / ".github").exists()
    assert not (repositories["github"] / ".gitlab").exists()


def test_both_hosts_ask_the_same_of_a_change(repositories):
    asked = [
        (repositories["github"] / ".github/pull_request_template.md").read_text(),
        (repositories["gitlab"] / ".gitlab/merge_request_templates/default.md").read_text(),
    ]
    assert asked[0] == asked[1]
    for command in re.findall(r"`make ([a-z]+)`", asked[0]):
        assert re.search(rf"(?m)^{command}:", (repositories["github"] / "Makefile").read_text()), command


@pytest.mark.parametrize(("host", "place"), [("github", ".github/CODEOWNERS"), ("gitlab", ".gitlab/CODEOWNERS")])
def test_owners_are_asked_where_there_are_some(tmp_path, repositories, host, place):
    words = ["--set", f"ci={host}", "--set", "owners=@acme/ml-team, ml@example.com"]
    assert run(["new", str(tmp_path / "x"), "--no-input", "--no-git", *words]) == 0
    lines = (tmp_path / "x" / place).read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["* @acme/ml-team ml@example.com"]
    assert not (repositories[host] / place).exists()


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


# --- what we ask besides what the scanners do


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
    assert sum(".ci/image" in block for block in run_blocks(github)) == 1


def test_both_hosts_run_the_same_and_all_of_it_is_there(repositories):
    github = set(COMMANDS.findall("\n".join(run_blocks(repositories["github"]))))
    gitlab = set(COMMANDS.findall("\n".join(gitlab_scripts(repositories["gitlab"]))))
    assert github == gitlab
    goals = set(re.findall(r"(?m)^([a-z]+):", (repositories["github"] / "Makefile").read_text()))
    assert {each.split()[1] for each in github if each.startswith("make")} <= goals
    scripts = {f".ci/{path.name}": path.stat().st_mode & 0o111 for path in (repositories["gitlab"] / ".ci").iterdir()}
    assert {each for each in github if each.startswith(".ci")} == set(scripts)
    assert all(scripts.values())
