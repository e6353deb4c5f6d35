"""The one door to OpenCLIP: imported late, kept quiet, its known broken states explained."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Any

from searchengine.errors import ModelUnavailableError


def import_open_clip() -> Any:
    """Return the module ``open_clip``. Takes seconds the first time.

    Raises ``ModelUnavailableError`` where it, or torch under it, does not work.
    """
    # Read when torch's OpenMP starts. By default its threads spin while they wait; where anything
    # else wants the cores (our own decoding does), that costs five times what they gain.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import open_clip
    except ImportError as error:
        raise ModelUnavailableError(
            f"OpenCLIP cannot be imported: {error}",
            hint="pip install open_clip_torch; `searchengine doctor` shows what is installed",
        ) from error
    except (RuntimeError, OSError, AttributeError) as error:
        # torch and torchvision from different indexes ("operator torchvision::nms does not
        # exist"), or shared libraries that do not fit this machine.
        raise ModelUnavailableError(
            f"torch and torchvision do not fit together: {str(error).splitlines()[0]}",
            hint="install both from one place: pip uninstall -y torch torchvision, "
            "then pip install torch torchvision",
        ) from error
    return open_clip


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drop what OpenCLIP logs to the root logger meanwhile; other modules' records pass.

    We build models first and load weights after, which OpenCLIP would report
    as "initialized randomly".
    """
    root = logging.getLogger()
    # Without any handler the first record would make logging install its own, for good.
    handler = logging.NullHandler()

    def from_others(record: logging.LogRecord) -> bool:
        return "open_clip" not in record.pathname

    root.addHandler(handler)
    root.addFilter(from_others)
    try:
        yield
    finally:
        root.removeFilter(from_others)
        root.removeHandler(handler)


def first_lines(error: Exception) -> str:
    """Return the telling part of a long message of torch's."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:300] or type(error).__name__
