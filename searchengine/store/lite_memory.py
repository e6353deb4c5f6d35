"""Memory that Milvus Lite is done with goes back to the system, and does not pile up here.

Lite takes in rows, writes them to files and merges these in the process that asks it. What that
frees is kept for later, by the C library and by Arrow's own pool, in pieces: after 50,000 rows it
was half as much again as they take. So Arrow takes its memory from the C library too, and the C
library (glibc) is told from time to time to return what is free: 8 ms.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any

WORTH_ROWS = 500
"""Rows of a write after which it is worth the time."""


def keep_memory_in_one_place() -> None:
    """Have Arrow allocate by ``malloc`` from now on, in all of this process."""
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())


def give_back() -> None:
    """Return what is free to the system, where that can be asked for."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
    if (trim := _malloc_trim()) is not None:
        trim(0)


@cache
def _malloc_trim() -> Any:
    """Return glibc's function; ``None`` where there is none (musl, macOS, Windows)."""
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
