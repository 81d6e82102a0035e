"""Run a compiled pipeline with kfp's own local runner: `python run_pipeline.py PIPELINE FOLDER JSON`.

In a process of its own, because kfp keeps its local mode for the whole process, and so that the network can be taken
away from it. FOLDER gets what the steps make; JSON holds the arguments of the run.
"""

from __future__ import annotations

import fcntl
import json
import socket
import struct
import sys
import warnings
from contextlib import suppress

UP, SET_FLAGS = 0x1, 0x8914  # IFF_UP and SIOCSIFFLAGS of Linux


def loopback() -> None:
    """Bring up the loopback device, which is down in a network of our own: the gates ask a server there."""
    with suppress(PermissionError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", b"lo", UP))


def main(pipeline: str, folder: str, arguments: str) -> None:
    """Run it, and end with a failure where it fails."""
    # The local runner warns that it neither pulls the image nor gives a step its CPUs and memory.
    warnings.filterwarnings("ignore", "You may be attemping to run a task that uses custom or non-Python base image")
    warnings.filterwarnings("ignore", r"Task '.*': settings \[.*\] have no effect in the current local runner")
    from kfp import components, local  # noqa: PLC0415 - the filters first

    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=folder, raise_on_error=True, enable_caching=True)
    components.load_component_from_file(pipeline)(**json.loads(arguments))


if __name__ == "__main__":
    loopback()
    main(*sys.argv[1:])
