"""Code that may crash, hang or poison the interpreter, run in another process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

Stages = dict[str, dict[str, Any]]
"""What each stage found, by its name: ``{"error": ...}`` for one that failed."""

_PRELUDE = """
import json, sys, warnings
sys.path[:] = [p for p in sys.path if p]  # not whatever lies in this folder
def stage(name, function):
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = function() or {}
        found["warnings"] = [str(w.message) for w in caught]
    except BaseException as error:
        found = {"error": str(error) or type(error).__name__, "kind": type(error).__name__}
    print("\\n" + json.dumps({"stage": name, **found}), flush=True)
"""


def run_stages(script: str, arguments: Sequence[str] = (), *, timeout_s: float) -> Stages:
    """Run a script that reports by ``stage(name, function)``; return what its functions found.

    A stage that was not reached is missing. If the process died or took longer
    than ``timeout_s``, the stage ``end`` holds the error.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PRELUDE + script, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        stages = _parse(late.stdout or b"")
        stages["end"] = {"error": f"did not finish in {timeout_s:g} s", "kind": "TimeoutExpired"}
        return stages
    except OSError as error:
        return {"end": {"error": f"Python cannot be started: {error}", "kind": "OSError"}}
    stages = _parse(done.stdout)
    if done.returncode:
        stages["end"] = {"error": _death(done.returncode, done.stderr), "kind": "Crash"}
    return stages


def _parse(output: bytes) -> Stages:
    stages: Stages = {}
    for line in output.decode("utf-8", "replace").splitlines():
        try:
            found = json.loads(line)
            stages[str(found.pop("stage"))] = found
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # what a library prints on import
    return stages


def _death(code: int, stderr: bytes) -> str:
    if code < 0:
        return f"the process crashed (signal {-code})"
    last = stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
    return f"the process ended with exit code {code}" + (f": {last[0][:200]}" if last else "")
