"""A python that is warm: libraries are imported once, and each program is a process forked from there.

    PYTHON warm.py serve SOCKET CACHE MODULE...     imports what it can of the modules, and serves
    PYTHON -IS warm.py run SOCKET -m MODULE WORD...     is what `python -m MODULE WORD...` is
    PYTHON warm.py alone -m MODULE WORD...          is the same without a server

Folder, environment, output and exit code of a program are those of its caller. The project's own modules are imported
anew by each, but for those that only define things. The project's python runs this file, so it imports nothing of
Loopwright; what only the server needs is imported there, because the other side starts very often.
"""

from __future__ import annotations

import os
import sys
from socket import AF_UNIX, SOCK_STREAM, recv_fds, send_fds, socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

LENGTH = 8
"""Bytes that say how long a request is."""


def run(address: str, words: Sequence[str]) -> int:
    """Have a program run by the server, and return its exit code."""
    with socket(AF_UNIX, SOCK_STREAM) as connection:
        connection.connect(address)
        variables = [f"{name}={value}" for name, value in os.environ.items()]
        body = "\0".join([_here(), str(len(words)), *words, *variables]).encode()
        # Its standard input is nobody's: a job is told everything before it starts.
        send_fds(connection, [len(body).to_bytes(LENGTH)], [1, 2])
        connection.sendall(body)
        answer = connection.recv(1)
        return answer[0] if answer else 1


def _here() -> str:
    return os.getcwd()  # noqa: PTH109 - pathlib is slow to import


def serve(address: str, cache: str, modules: Sequence[str]) -> None:
    """Fork a process for each program that is asked for, until the standard input ends.

    Args:
        address: The socket.
        cache: A folder for the bytecode of what the programs import: none is written among the project's files.
        modules: What is imported before.
    """
    import importlib  # noqa: PLC0415
    import select  # noqa: PLC0415

    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError:  # this project does not use it
            continue
    sys.pycache_prefix, sys.dont_write_bytecode = cache, False
    with socket(AF_UNIX, SOCK_STREAM) as listener:
        listener.bind(address)
        listener.listen()
        # Ends with this process, however that ends: the nurses see it.
        alive, ours = os.pipe()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                os.close(ours)
                _nurse(connection, alive)
            connection.close()
            _reap()


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _nurse(connection: socket, alive: int) -> None:
    """Fork the program, wait for it, and tell its exit code; where the caller or the server is gone, end it."""
    import contextlib  # noqa: PLC0415
    import select  # noqa: PLC0415
    import signal  # noqa: PLC0415

    length, outputs, _, _ = recv_fds(connection, LENGTH, 2)
    body = b""
    while len(body) < int.from_bytes(length):
        body += connection.recv(1 << 20)
    folder, count, *rest = body.decode().split("\0")
    words, variables = rest[: int(count)], rest[int(count) :]
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        connection.close()
        _become(folder, words, dict(each.partition("=")[::2] for each in variables), outputs)
    with contextlib.suppress(OSError):  # it has done so itself
        os.setpgid(child, child)
    handle = os.pidfd_open(child)
    ready, _, _ = select.select([handle, connection.fileno(), alive], [], [])
    if handle not in ready:
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    connection.sendall(bytes([code if code >= 0 else 128 - code]))
    os._exit(0)


def _become(folder: str, words: Sequence[str], variables: dict[str, str], outputs: Sequence[int]) -> None:
    """Become the program, and never come back."""
    import runpy  # noqa: PLC0415
    import traceback  # noqa: PLC0415

    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, output in enumerate(outputs, start=1):
            os.dup2(output, number)
            os.close(output)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(variables)
        _, module, *arguments = words
        sys.argv = [module, *arguments]
        # What it starts by its own python is warm, too: the server that a gate asks.
        sys.executable = variables.get("LOOP_PYTHON", sys.executable)
        # As `python -m` has it: the folder where it starts, then PYTHONPATH.
        sys.path[:1] = [folder, *filter(None, variables.get("PYTHONPATH", "").split(os.pathsep))]
        _bridge(variables)
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as ended:
        code = _code(ended)
    except BaseException:  # noqa: BLE001 - as an interpreter does at its end
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _bridge(variables: dict[str, str]) -> None:
    """Let boto3's clients be those of the rehearsal, where there is one."""
    if "LOOPWRIGHT_AWS" not in variables:
        return
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - pathlib is slow to import
    import bridge  # type: ignore[import-not-found]  # noqa: PLC0415

    bridge.install(variables["LOOPWRIGHT_AWS"], variables["LOOPWRIGHT_ROLE"])


def _code(ended: SystemExit) -> int:
    if ended.code is None or isinstance(ended.code, int):
        return (ended.code or 0) & 0xFF
    sys.stderr.write(f"{ended.code}\n")
    return 1


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], sys.argv[3], sys.argv[4:])
    elif sys.argv[1] == "alone":
        _become(_here(), sys.argv[2:], dict(os.environ), ())
    else:
        sys.exit(run(sys.argv[2], sys.argv[3:]))
