"""The image, proven without a container engine: the Dockerfile is executed, line by line, by `layers.py`.

What is proven: the context that reaches the builder, every COPY, every RUN but apt's as it is written, what is and what
is not in the result, that both environments are those of the locks, and that all of it works without a network.

What is not: the base image itself, its libc, OpenSSL and Python (this machine's stand for them; of the digest only the
form is checked), that apt finds libgomp1, that an engine handles ENTRYPOINT and signals as it should and keeps hard
links and the times of files from one stage to the next (Docker does, some others do not), the compressed size of the
layers, what SageMaker mounts below /opt/ml with which rights, and any platform but this one.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import tempfile
from pathlib import Path

import layers
import pytest

from loopwright.repository.catalog import find

ROOT = Path(__file__).parents[2]
TEMPLATE = find("tabular")
DOCKERFILE = (TEMPLATE.body / "Dockerfile").read_text(encoding="utf-8")
COMMIT = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # pragma: allowlist secret - of git's empty tree
ROOM = 4e9
LITTER = (
    ".env",
    ".git/config",
    ".venv/bin/python",
    "data/history.parquet",
    "ml/.mypy_cache/x.json",
    "ml/__pycache__/train.cpython-311.pyc",
    "mlflow.db",
    "mlruns/0/meta.yaml",
    "model/model.txt",
    "requirements/index.netrc",
)
"""What lies about in a repository that was worked in, and must not reach a builder."""

pytestmark = pytest.mark.generated


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    """Return what a builder gets of a repository that was worked in."""
    folder = tmp_path_factory.mktemp("worked")
    for file in TEMPLATE.files():
        copy = folder / file.relative_to(TEMPLATE.body)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copy)
    for name in LITTER:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("litter", encoding="utf-8")
    return layers.context(folder, tmp_path_factory.mktemp("context"))


@pytest.fixture(scope="module")
def builder(sent):
    # In memory where there is room: to delete a gigabyte of small files from a disk takes longer than to make them.
    memory = Path("/dev/shm")  # noqa: S108 - what is made in it is a folder of its own
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > ROOM
    with tempfile.TemporaryDirectory(prefix="loopwright-", dir=memory if roomy else None) as folder:
        scratch = Path(folder)
        if reason := layers.why_not(scratch):
            pytest.skip(reason)
        yield layers.Builder(text=DOCKERFILE, context=sent, scratch=scratch, arguments={"GIT_COMMIT": COMMIT})


@pytest.fixture(scope="module")
def image(builder):
    return builder.build()


@pytest.fixture
def run(builder, image):
    """Return a function that runs a script in the image, without a network."""
    return lambda script, of=image: layers.inside(of, script, builder.scratch)


def written(image):
    """Return what the Dockerfile wrote, the base apart, by path."""
    *own, _ = image.layers
    return {
        str(path.relative_to(layer)): path
        for layer in reversed(own)
        for path in layer.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }


def size(paths):
    """Return the bytes of files, hard links counted once."""
    inodes = {(state.st_dev, state.st_ino): state.st_size for state in (path.lstat() for path in paths)}
    return sum(inodes.values())


# Without building


def test_only_what_is_named_reaches_the_builder(sent):
    found = {str(path.relative_to(sent)) for path in sent.rglob("*") if path.is_file()}
    assert not found & set(LITTER)
    assert {name.partition("/")[0] for name in found} == {
        "docker-entrypoint",
        "dvc.yaml",
        "loop.yaml",
        "ml",
        "params.yaml",
        "requirements",
    }
    assert {name for name in found if name.startswith("ml/")} == {
        str(file.relative_to(TEMPLATE.body)) for file in TEMPLATE.files() if file.is_relative_to(TEMPLATE.body / "ml")
    }


@pytest.mark.parametrize(
    ("path", "patterns", "kept_out"),
    [
        ("data/x", ["*"], True),
        ("ml/serving/x.py", ["*", "!ml"], False),
        ("ml/a/__pycache__/x.pyc", ["*", "!ml", "**/__pycache__"], True),
        ("requirements/lock", ["*", "!requirements/*.txt"], True),
        ("requirements/a.txt", ["*", "!requirements/*.txt"], False),
        ("ml/.env", ["*", "!ml", "**/.*"], True),
        (".env", ["**/.*"], True),
        ("a.b", ["**/.*"], False),
    ],
)
def test_dockerignore_is_read_as_docker_reads_it(path, patterns, kept_out):
    assert layers.ignored(layers.PurePosixPath(path), patterns) is kept_out


def test_the_one_base_is_pinned_by_digest():
    stages = layers.stages(DOCKERFILE)
    (base,) = {stage.base for stage in stages.values()} - set(stages)
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", base)


def test_what_changes_with_each_commit_comes_last():
    words = [each.word for each in layers.stages(DOCKERFILE)["program"].instructions]
    assert "RUN" not in words[words.index("ARG") :]
    assert "COPY" not in words[words.index("ARG") :]


def test_unless_told_otherwise_the_plain_image_is_built():
    *_, last = layers.stages(DOCKERFILE).values()
    assert last == layers.Stage("program", ())


# Built


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("ADD loop.yaml /", "ADD is not known"),
        ("COPY .git /", "not all of it reaches"),
        ("RUN --mount=type=secret,id=x true", "is not known"),
        ("RUN false", "failed with 1"),
    ],
)
def test_the_proof_passes_over_nothing(builder, line, complaint, tmp_path):
    broken = layers.Builder(text=f"FROM any\n{line}", context=builder.context, scratch=tmp_path)
    with pytest.raises(layers.BuildError, match=complaint):
        broken.build()


def test_all_of_it_was_executed_but_for_apt(builder, image):
    (skipped,) = builder.skipped
    assert "libgomp1" in skipped
    assert image.environment["GIT_COMMIT"] == image.labels["org.opencontainers.image.revision"] == COMMIT
    assert (image.entrypoint, image.command) == (("docker-entrypoint",), ("serve",))


def test_holds_what_it_needs_and_nothing_else(image):
    found = written(image)
    places = {re.match(r"(?:opt|usr/local|var/cache|etc)/[^/]+|.*", name)[0] for name in found}
    accounts = {".pwd.lock", "passwd", "group", "shadow", "gshadow", "subuid", "subgid"}
    assert places - {f"etc/{name}{sign}" for name in accounts for sign in ("", "-")} == {
        "opt/program",
        "opt/serve",
        "opt/train",
        "usr/local/bin",
        "var/cache/python",
    }
    assert {name for name in found if name.startswith("usr/local/")} == {"usr/local/bin/docker-entrypoint"}
    parts = {part for name in found for part in name.split("/")}
    assert not parts & {"tests", "uv", "pip", ".cache", ".git", "__pycache__"}


def test_the_program_is_all_that_it_has_of_the_repository(image, sent):
    found = {name.removeprefix("opt/program/") for name in written(image) if name.startswith("opt/program/")}
    files = {str(path.relative_to(sent)) for path in sent.rglob("*") if path.is_file()}
    assert found == {name for name in files if not name.startswith("requirements/") and name != "docker-entrypoint"} | {
        "requirements/train.txt"
    }


@pytest.mark.parametrize("group", ["serve", "train"])
def test_an_environment_holds_what_its_lock_says(image, group):
    lock = (TEMPLATE.body / f"requirements/{group}.txt").read_text(encoding="utf-8")
    locked = {(_plain(name), version) for name, version in re.findall(r"(?m)^([\w.-]+)==(\S+)", lock)}
    folders = {Path(name).parent.name for name in written(image) if name.startswith(f"opt/{group}/")}
    pairs = [name.removesuffix(".dist-info").rsplit("-", 1) for name in folders if name.endswith(".dist-info")]
    installed = {(_plain(name), version) for name, version in pairs}
    assert len(installed) > 10
    assert installed <= locked


def _plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_is_small_because_what_both_need_is_there_once(image, figures):
    found = written(image)
    serve, train, compiled = (
        [path for name, path in found.items() if name.startswith(place)]
        for place in ("opt/serve/", "opt/train/", "var/cache/python/")
    )
    sizes = {"serve": serve, "train": train, "both": serve + train, "bytecode": compiled, "image": found.values()}
    megabytes = {name: size(paths) / 1e6 for name, paths in sizes.items()}
    figures(", ".join(f"{name} {megabyte:.0f} MB" for name, megabyte in megabytes.items()) + ", over the base image")
    assert megabytes["serve"] < 200
    assert megabytes["both"] < megabytes["train"] + 10
    assert megabytes["image"] < 750


def test_everybody_may_read_it(image):
    closed = [name for name, path in written(image).items() if not path.lstat().st_mode & 0o4]
    assert {name for name in closed if not name.startswith("etc/")} == set()


COMPILING = re.compile(r"^# code object from '(/(?!opt/program/)[^']+\.py)'", re.MULTILINE)
"""What Python says of a module that it found no bytecode for; the program's own are left out on purpose."""
EVERY_COMMAND = (
    "from importlib import import_module; from ml.__main__ import COMMANDS; "
    "[import_module(place.split(':')[0]) for place, _ in COMMANDS.values()]"
)


@pytest.mark.parametrize(("group", "code"), [("serve", "import ml.serve"), ("train", EVERY_COMMAND)])
def test_imports_all_it_needs_without_a_network_and_compiles_none_of_it(run, group, code):
    told = run(f"/opt/{group}/bin/python -v -c {shlex.quote(code)} 2>&1")
    assert COMPILING.findall(told) == []


def test_a_job_tells_its_commands(run):
    told = run("/opt/train/bin/python -m ml --help")
    assert "evaluate" in told
    assert "monitor" in told


@pytest.fixture
def served(run):
    """Return a function that starts the image as SageMaker does, and says what it answers."""
    asking = shlex.quote(Path(__file__).with_name("ask_image.py").read_text(encoding="utf-8"))

    def ask(before="true", started_by=""):
        told = run(f"{before}\n/usr/local/bin/python -c {asking} {started_by} docker-entrypoint serve")
        return json.loads(told.splitlines()[-1])

    return ask


def test_serves_without_a_network_and_without_root(served, figures):
    answered = served("mkdir -p /opt/ml/model")
    assert (answered["ping"], answered["invocations"], answered["ended"]) == (200, 503, 0)
    process = answered["process"]
    assert set(process["Uid"]) == {"10001"}
    assert {int(process[name][0], 16) for name in ("CapEff", "CapBnd")} == {0}
    assert process["NoNewPrivs"] == ["1"]
    slow = served("unset PYTHONPYCACHEPREFIX")
    figures(f"the first answer after {answered['seconds']:.2f} s; {slow['seconds']:.2f} s without bytecode")


@pytest.mark.parametrize(
    ("before", "started_by"),
    [
        pytest.param("mkdir -p -m 700 /opt/ml/model", "", id="the model is for root's eyes only"),
        pytest.param("true", "setpriv --bounding-set=-setuid,-setgid", id="nobody may change the user"),
    ],
)
def test_stays_root_where_it_could_not_serve_as_another(served, before, started_by):
    answered = served(before, started_by)
    assert (answered["ping"], answered["invocations"]) == (200, 503)
    assert set(answered["process"]["Uid"]) == {"0"}


def test_serves_as_any_user_that_a_platform_prefers(served):
    answered = served(started_by="setpriv --reuid=12345 --regid=12345 --clear-groups")
    assert (answered["ping"], set(answered["process"]["Uid"])) == (200, {"12345"})


def test_for_kubeflow_there_is_a_third_environment(builder, run):
    if not (TEMPLATE.body / "requirements/kubeflow.txt").is_file():
        pytest.skip("there is no lock for Kubeflow yet")
    told = run("command -v python3 && python3 -m kfp.dsl.executor_main --help", builder.build("kubeflow"))
    assert told.startswith("/opt/kubeflow/bin/python3\n")
    assert "--executor_input" in told
