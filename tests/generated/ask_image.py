"""Run inside an image: start the command that is given, ask what SageMaker asks, and print what came of it as JSON.

A process of its own, in the image's file system and without a network; only loopback is brought up.
"""

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

START_SECONDS = 60
UP, SET_FLAGS = 0x1, 0x8914  # IFF_UP and SIOCSIFFLAGS of Linux
TOLD = ("Uid", "CapEff", "CapBnd", "NoNewPrivs")


def status(path, body=None):
    """Return the status of the answer, 0 where there is none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:8080{path}", body, timeout=5) as answer:  # nosec B310
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", b"lo", UP))
started = time.perf_counter()
with subprocess.Popen(sys.argv[1:]) as server:
    while not (ping := status("/ping")) and time.perf_counter() - started < START_SECONDS and server.poll() is None:
        time.sleep(0.01)
    seconds = time.perf_counter() - started
    lines = Path("/proc", str(server.pid), "status").read_text(encoding="ascii").splitlines()
    process = {name: text.split() for name, _, text in (line.partition(":") for line in lines) if name in TOLD}
    answered = {"ping": ping, "invocations": status("/invocations", b"{}"), "seconds": seconds, "process": process}
    server.terminate()
    answered["ended"] = server.wait(30)
os.write(1, b"\n" + json.dumps(answered).encode())
