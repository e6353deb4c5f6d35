"""The one door to OpenVINO: imported late, and kept from talking to anybody."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from searchengine.errors import UnsupportedError

_TELEMETRY = "openvino_telemetry"
_first = threading.Lock()
_hiding = threading.Lock()
_hidden_by = 0
"""How many threads want it to look absent now."""


def has_openvino() -> bool:
    """Whether OpenVINO is installed; nothing is imported."""
    return importlib.util.find_spec("openvino") is not None


def import_openvino() -> Any:
    """Return the module ``openvino``. Raises ``UnsupportedError`` where it does not work."""
    openvino = _import("openvino", "fast")
    with _first:
        # The first look at a tensor's numbers sets up what numpy's arrays are made with, and lets
        # go of the GIL meanwhile: a second thread that looks then waits for the first with the GIL
        # in its hand, and both wait for ever (seen with 2026.4).
        _ = openvino.Tensor(np.zeros(1, np.float32)).data
    return openvino


def import_nncf() -> Any:
    """Return the module ``nncf``. Raises ``UnsupportedError`` where it does not work."""
    return _import("nncf", "int8")


def _import(name: str, extra: str) -> Any:
    with no_telemetry():
        try:
            return importlib.import_module(name)
        except (ImportError, OSError) as error:
            raise UnsupportedError(
                f"{name} cannot be imported: {error}",
                hint=f'pip install "crossmodal-searchengine[{extra}]", or model.runtime=torch',
            ) from error


@contextlib.contextmanager
def no_telemetry() -> Iterator[None]:
    """Make ``openvino_telemetry`` look absent meanwhile.

    ``import openvino`` as it comes writes an identity under ``~/intel`` and sends events over
    the network from its converters, unless the user has opted out. Both OpenVINO and NNCF have
    a silent stand-in for where the package is not installed.
    """
    global _hidden_by
    with _hiding:
        # One that is there already is somebody else's import, and theirs to answer for.
        hide = _hidden_by > 0 or _TELEMETRY not in sys.modules
        if hide:
            os.environ.setdefault("OPENVINO_TELEMETRY_DISABLE", "1")
            sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
            _hidden_by += 1
    try:
        yield
    finally:
        if hide:
            with _hiding:
                _hidden_by -= 1
                if not _hidden_by:  # the last one out: another thread may still be importing
                    del sys.modules[_TELEMETRY]
