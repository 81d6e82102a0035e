"""Build a Dockerfile without a container engine: its stages as overlays, its RUN lines word for word.

A stage is a folder that holds what its instructions wrote, as a layer does; all folders of a stage, laid over a base by
the kernel, are the file system that its next RUN sees as `/`. The base is this machine's operating system, read only,
with this machine's Python in /usr/local, where the official image has it, and with nothing else: /opt, /root and the
like start empty. It needs root, `unshare` and an overlay file system; `why_not` says what is missing.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import string
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

SYSTEM = ("bin", "lib", "lib32", "lib64", "libx32", "sbin", "usr")
"""What of `/` is the operating system: shown read only where it is a folder, and it is often a link to another."""
EMPTY = ("dev", "home", "opt", "proc", "root", "run", "srv", "sys", "tmp", "var/cache", "var/lib", "var/tmp")
HANDED_ON = ("PIP_CERT", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "SSL_CERT_DIR", "SSL_CERT_FILE")
HANDED_ON_LIKE = ("UV_DEFAULT_INDEX", "UV_INDEX", "_PROXY", "_proxy")
"""Where packages come from on this machine: of what a developer set, a build sees no more."""
PATH = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
CACHES = {"cache/uv": ".cache/uv"}
SETTINGS = {"root/.config/pip": ".config/pip", "root/.config/uv": ".config/uv"}
"""Folders of an image that are this machine's own while it is built, each by its place below the user's home."""


class BuildError(Exception):
    """An instruction failed, or is one that this builder does not know: it never passes over any."""


# Reading


@dataclass(frozen=True)
class Instruction:
    """One instruction: its keyword and the rest of its line, continuations joined."""

    word: str
    rest: str

    def flags(self) -> tuple[list[str], str]:
        """Return the leading `--name=value` words, and what follows them."""
        flags, rest = [], self.rest
        while rest.startswith("--"):
            flag, _, rest = rest.partition(" ")
            flags.append(flag)
            rest = rest.lstrip()
        return flags, rest


@dataclass(frozen=True)
class Stage:
    """A stage: what it starts from, and its instructions."""

    base: str
    instructions: tuple[Instruction, ...]


def read(text: str) -> list[Instruction]:
    """Return the instructions of a Dockerfile."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", "", "\n".join(lines))
    words = [line.strip().partition(" ") for line in joined.splitlines()]
    return [Instruction(word.upper(), rest.strip()) for word, _, rest in words]


def stages(text: str) -> dict[str, Stage]:
    """Return the stages by name, in order; a stage without a name has its number."""
    found: dict[str, Stage] = {}
    for instruction in read(text):
        if instruction.word == "FROM":
            base, _, name = instruction.rest.partition(" AS ")
            key = name or str(len(found))
            found[key] = Stage(base, ())
        elif not found:
            raise BuildError(f"{instruction.word} stands before the first FROM")
        else:
            found[key] = replace(found[key], instructions=(*found[key].instructions, instruction))
    return found


# The context


def ignored(path: PurePosixPath, patterns: list[str]) -> bool:
    """Tell whether .dockerignore keeps a file out: the last pattern that fits it or a folder above it decides."""
    names = [str(path), *(str(parent) for parent in path.parents if parent.name)]
    verdict = False
    for pattern in patterns:
        expression = _expression(pattern.removeprefix("!").strip("/"))
        if any(expression.fullmatch(name) for name in names):
            verdict = not pattern.startswith("!")
    return verdict


def _expression(pattern: str) -> re.Pattern[str]:
    signs = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return re.compile("".join(signs.get(part, re.escape(part)) for part in parts))


def context(folder: Path, into: Path) -> Path:
    """Copy what a builder is sent of a folder."""
    lines = (folder / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not ignored(PurePosixPath(relative), patterns):
            (into / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, into / relative)
    return into


# Building


@dataclass(frozen=True, kw_only=True)
class Image:
    """What a stage has come to: its layers, the newest first, and its settings."""

    layers: tuple[Path, ...]
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    arguments: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()

    def expand(self, text: str) -> str:
        """Put variables in."""
        return string.Template(text).safe_substitute(self.arguments | self.environment)

    def under(self, path: str) -> Path:
        """Return a path as it is called in a layer."""
        return Path(str(PurePosixPath(self.folder) / path).lstrip("/"))


@dataclass(kw_only=True)
class Builder:
    """Builds the stages that a target needs, each once."""

    text: str
    context: Path
    scratch: Path
    arguments: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    """RUN lines that were not run: what a package manager installs, the machine has to have."""
    built: dict[str, Image] = field(default_factory=dict)

    def build(self, target: str | None = None) -> Image:
        """Return the image of a target: as an engine has it, the last stage unless another is named."""
        found = stages(self.text)
        name = target or list(found)[-1]
        if name not in self.built:
            stage = found[name]
            image = self.build(stage.base) if stage.base in found else base(self.scratch)
            image = replace(image, layers=(self._folder(f"stage-{name}"), *image.layers), arguments={})
            for instruction in stage.instructions:
                image = self._do(instruction, image)
            self.built[name] = image
        return self.built[name]

    def _do(self, instruction: Instruction, image: Image) -> Image:
        known = {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "LABEL", "RUN", "WORKDIR"}
        if instruction.word not in known:
            raise BuildError(f"{instruction.word} is not known to this builder")
        return getattr(self, f"_{instruction.word.lower()}")(instruction, image)

    def _arg(self, instruction: Instruction, image: Image) -> Image:
        name, _, default = instruction.rest.partition("=")
        return replace(image, arguments=image.arguments | {name: self.arguments.get(name, default)})

    def _env(self, instruction: Instruction, image: Image) -> Image:
        return replace(image, environment=image.environment | _pairs(image.expand(instruction.rest)))

    def _label(self, instruction: Instruction, image: Image) -> Image:
        return replace(image, labels=image.labels | _pairs(image.expand(instruction.rest)))

    def _expose(self, _: Instruction, image: Image) -> Image:
        return image

    def _entrypoint(self, instruction: Instruction, image: Image) -> Image:
        return replace(image, entrypoint=tuple(json.loads(instruction.rest)), command=())

    def _cmd(self, instruction: Instruction, image: Image) -> Image:
        return replace(image, command=tuple(json.loads(instruction.rest)))

    def _workdir(self, instruction: Instruction, image: Image) -> Image:
        image = replace(image, folder=str(PurePosixPath(image.folder) / instruction.rest))
        (image.layers[0] / image.under(".")).mkdir(parents=True, exist_ok=True)
        return image

    def _copy(self, instruction: Instruction, image: Image) -> Image:
        flags, rest = instruction.flags()
        *sources, target = shlex.split(image.expand(rest))
        into = image.layers[0] / image.under(target)
        (into if target.endswith("/") else into.parent).mkdir(parents=True, exist_ok=True)
        origin = next((flag.removeprefix("--from=") for flag in flags if flag.startswith("--from=")), None)
        if origin:
            script = _copying([f"$ROOT{source}" for source in sources], into)
            inside(self.build(origin), script, self.scratch, chroot=False)
        else:
            found = [path for source in sources for path in sorted(self.context.glob(source))]
            if len(found) < len(sources):
                raise BuildError(f"COPY {rest}: not all of it reaches the builder")
            subprocess.run(["sh", "-euc", _copying(found, into)], check=True)
        return image

    def _run(self, instruction: Instruction, image: Image) -> Image:
        flags, line = instruction.flags()
        if line.startswith("apt-get "):
            self.skipped.append(line)
            return image
        mounts = [flag for flag in flags if flag.startswith("--mount=type=cache,target=/")]
        if mounts != flags:
            raise BuildError(f"RUN {flags} is not known to this builder")
        caches = [flag.partition("target=/")[2] for flag in mounts]
        at = replace(image, environment=_handed_on() | image.arguments | image.environment)
        inside(at, line, self.scratch, write=image.layers[0], network=True, homes=(*caches, *SETTINGS))
        return image

    def _folder(self, name: str) -> Path:
        folder = self.scratch / name
        folder.mkdir(parents=True)
        return folder


def _pairs(text: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in shlex.split(text))


def _copying(sources: list[Path] | list[str], into: Path) -> str:
    """Return commands that copy as COPY does: of a folder its contents; times and hard links are kept."""
    target = shlex.quote(str(into))
    lines = [
        f'if [ -d "{source}" ]; then mkdir -p {target}; cp -a "{source}/." {target}; else cp -a "{source}" {target}; fi'
        for source in sources
    ]
    return "\n".join(lines)


def _handed_on() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if name in HANDED_ON or name.endswith(HANDED_ON_LIKE)}


# The base


def base(scratch: Path) -> Image:
    """Return what stands for the official image: this machine's system and Python, as files, without bytecode."""
    layer = scratch / "base"
    if not layer.exists():
        for name in (*EMPTY, *CACHES, *SETTINGS, *_folders()):
            (layer / name).mkdir(parents=True, exist_ok=True)
        (layer / "tmp").chmod(0o1777)
        for name in SYSTEM:
            if Path("/", name).is_symlink():
                (layer / name).symlink_to(Path("/", name).readlink())
        subprocess.run(["cp", "-a", "/etc", layer], check=True)
        # It is often a link to a place that is not shown.
        (layer / "etc/resolv.conf").unlink(missing_ok=True)
        shutil.copy("/etc/resolv.conf", layer / "etc/resolv.conf")
        _python(layer / "usr/local")
        inside(Image(layers=(layer,)), "ldconfig", scratch, write=layer)
    return Image(layers=(layer,))


def _folders() -> list[str]:
    return [name for name in SYSTEM if Path("/", name).is_dir() and not Path("/", name).is_symlink()]


def _python(into: Path) -> None:
    origin = Path(sys.base_prefix)
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = origin / "lib" / name
    unwanted = shutil.ignore_patterns("__pycache__", "config-*", "site-packages", "test", "tests")
    shutil.copytree(library, into / "lib" / name, ignore=unwanted, symlinks=True)
    for part in (library / "site-packages").glob("pip*"):
        shutil.copytree(part, into / "lib" / name / "site-packages" / part.name, ignore=unwanted)
    for part in (origin / "lib").glob("libpython*.so*"):
        shutil.copy2(part, into / "lib", follow_symlinks=False)
    (into / "bin").mkdir()
    shutil.copy2(origin / "bin" / name, into / "bin" / name)
    for link in ("python", "python3"):
        (into / "bin" / link).symlink_to(name)


# Running


def inside(
    image: Image,
    script: str,
    scratch: Path,
    *,
    write: Path | None = None,
    network: bool = False,
    chroot: bool = True,
    homes: tuple[str, ...] = (),
) -> str:
    """Run a shell script in an image, and return what it printed.

    Args:
        image: Where.
        script: What; with ``chroot`` off it runs outside, and `$ROOT` is where the image is.
        scratch: For what the kernel needs beside the layers.
        write: The folder that gets what is written; it may be the image's newest layer. Nothing is kept without one.
        network: Whether there is any; without, there is not even loopback until the script brings it up.
        chroot: Whether the image is the script's `/`.
        homes: Folders that are this machine's: a cache, the settings of an index.

    Raises:
        BuildError: It failed.
    """
    work = scratch / f"mount-{len(list(scratch.glob('mount-*')))}"
    for name in ("root", "work", "kept", "local", "nothing"):
        (work / name).mkdir(parents=True)
    written = write or work / "kept"
    written.mkdir(exist_ok=True)
    lower = ":".join(str(layer) for layer in (*image.layers, work / "nothing") if layer != written)
    root = work / "root"
    mounts = [
        f"mount -t overlay overlay -o lowerdir={lower},upperdir={written},workdir={work / 'work'} {root}",
        *(_shown(name, root, work / "local") for name in _folders()),
        f"mount -t proc proc {root}/proc",
        f"mount --rbind /dev {root}/dev",
        *(_own(home, root) for home in homes),
    ]
    words = " ".join(f"{name}={shlex.quote(text)}" for name, text in image.environment.items())
    there = f"cd {image.folder} || exit\n{script}"
    start = f"exec env -i HOME=/root {words} chroot {root} /bin/sh -c {shlex.quote(there)}"
    command = "\n".join([*mounts, start if chroot else f"ROOT={root}\n{script}"])
    away = ["unshare", "--mount", "--pid", "--fork", "--kill-child", *([] if network else ["--net"])]
    done = subprocess.run([*away, "sh", "-euc", command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"{script}\nfailed with {done.returncode}\n{(done.stdout + done.stderr)[-4000:]}")
    return done.stdout


def _shown(name: str, root: Path, aside: Path) -> str:
    """Return commands that show a folder of this machine, but for /usr/local, which is the image's own."""
    show = f"mount --bind /{name} {root}/{name} && mount -o remount,bind,ro {root}/{name}"
    if name != "usr":
        return show
    local = f"{root}/usr/local"
    return f"mkdir -p {local} && mount --bind {local} {aside} && {show} && mount --bind {aside} {local}"


def _own(home: str, root: Path) -> str:
    real = Path.home() / (CACHES | SETTINGS)[home]
    if home in CACHES:
        real.mkdir(parents=True, exist_ok=True)
    return f"! [ -d {real} ] || mount --bind {real} {root / home}"


def why_not(scratch: Path) -> str:
    """Return what keeps this machine from building, or nothing."""
    if os.geteuid() != 0:
        return "only root can lay file systems over each other"
    for command in ("chroot", "setpriv", "unshare"):
        if shutil.which(command) is None:
            return f"{command} is not here"
    if Path(sys.base_prefix) == Path("/usr"):
        return "this Python is part of the operating system, and cannot be set apart from it"
    try:
        inside(base(scratch), "true", scratch)
    except BuildError as error:
        return f"this kernel does not let us: {str(error).strip().splitlines()[-1]}"
    return ""
