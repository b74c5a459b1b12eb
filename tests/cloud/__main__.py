"""`python -m tests.cloud --port 5055`: the stand-in as a process of its own, until a signal ends it."""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import signal
import sys
import threading

from tests.cloud.server import StandIn
from tests.cloud.settings import Settings


def main() -> None:
    """Serve until SIGTERM, SIGINT, or the end of the process that holds our standard input (with --attached)."""
    parser = argparse.ArgumentParser(prog="python -m tests.cloud", description=main.__doc__)
    parser.add_argument("--port", type=int, default=5055, help="0: any free port")
    parser.add_argument("--settings", default="{}", help="settings as JSON (tests/cloud/settings.py)")
    parser.add_argument("--attached", action="store_true", help="end when standard input does")
    options = parser.parse_args()
    for chatty in ("moto", "samtranslator", "werkzeug"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    settings = Settings()
    settings.update(json.loads(options.settings))
    stand_in = StandIn(options.port, settings)
    stand_in.start()
    gc.freeze()  # what moto imported is not looked through for garbage again
    gc.set_threshold(20_000, 20, 20)
    sys.stdout.write(f"ready {stand_in.endpoint} {os.getpid()}\n")
    sys.stdout.flush()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    if options.attached:
        threading.Thread(target=_wait_for_end_of_input, args=(ended,), daemon=True).start()
    ended.wait()
    stand_in.stop()
    os._exit(0)  # everything is closed: taking moto's modules down would only cost time


def _wait_for_end_of_input(ended: threading.Event) -> None:
    sys.stdin.buffer.read()
    ended.set()


if __name__ == "__main__":
    main()
