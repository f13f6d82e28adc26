"""A process that has the libraries in memory, and forks itself for each run of pytest: what takes
seconds to load is loaded once. It imports nothing of the project, so each run reads it anew.

In: one line of JSON a run, {"arguments": [...], "environment": {...}, "limit_s": 60}.
Out: its exit status, or `late`. What pytest says is in output.txt.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import time
import traceback

_LIBRARIES = ("numpy", "cv2", "av", "onnxruntime", "msgspec", "paho.mqtt.client", "sqlite3")
_LIBRARIES += ("asyncio", "cryptography.x509", "rich.console", "tomlkit", "pytest")
_LOOK_EVERY_S = 0.02


def main() -> None:
    for name in _LIBRARIES:
        with contextlib.suppress(ImportError):  # its tests skip, too
            importlib.import_module(name)
    for line in sys.stdin:
        wanted = json.loads(line)
        print(_ran(**wanted), flush=True)


def _ran(arguments: list[str], environment: dict[str, str], limit_s: float) -> str:
    child = os.fork()
    if not child:
        os.environ.update(environment)
        _run(arguments)
    deadline_s = time.monotonic() + limit_s
    status = None
    while status is None and time.monotonic() < deadline_s:
        done, code = os.waitpid(child, os.WNOHANG)
        status = os.waitstatus_to_exitcode(code) if done else None
        time.sleep(_LOOK_EVERY_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what its tests started, too
    if status is None:
        os.waitpid(child, 0)
    return "late" if status is None else str(status)


def _run(arguments: list[str]) -> None:
    """In the child; does not return."""
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    told = os.open("output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(told, stream)
    status = 70
    try:
        import pytest

        status = int(pytest.main(arguments))
    except Exception:  # noqa: BLE001 - all of it is told, and nothing may go on in a fork
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
