"""Run the emulator in this process: `python -m emulator`, with the folder above on the path.

Prints the port once it is bound. Ends when standard input does, so that it never outlives the test that started it.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
import threading
import warnings

# Read by moto when it is imported: thousands of machine images that nobody here starts.
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from . import inventory, services
from .front import Front


class QuietHandler(MotoRequestHandler):
    """Keeps no access log: `/loop/requests` is one."""

    # An answer goes out in one piece. AWS's SDK for Go at times closes a connection once it has read the head
    # (aws-sdk-go-v2 #2737), and then lacks a body that has not arrived by then.
    wbufsize = 1 << 20

    def run_wsgi(self) -> None:
        """Let a client that waits for it send its body: what is not in the answer must not wait for it."""
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
            del self.headers["Expect"]
        super().run_wsgi()

    def log(self, *_args: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until standard input ends."""
    # moto looks for our refusals in the service's list of errors, which never holds those that every service has.
    warnings.filterwarnings("ignore", "Exception.Refused", UserWarning)
    for module in pkgutil.iter_modules(services.__path__):
        importlib.import_module(f"{services.__name__}.{module.name}")
    front = Front(DomainDispatcherApplication(create_backend_app), inventory.found)
    server = make_server("127.0.0.1", 0, front, threaded=True, request_handler=QuietHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
