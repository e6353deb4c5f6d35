"""What Lite is done with goes back to the system."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = """
import sys
from pathlib import Path
import pyarrow as pa
from searchengine.store import open_store
from searchengine.store import connection
from tests.store.cases import rows_of, spec_of
from tests.store.test_lite import SIDE

given = []
connection.give_back = lambda: given.append(1)
store = open_store(sys.argv[1])
store.ensure(spec_of(SIDE.corpus))
store.upsert(SIDE, rows_of(10))
assert given == []
store.upsert(SIDE, rows_of(600))
assert given == [1]
assert pa.default_memory_pool().backend_name == "system"
store.close()
"""


def rss_kb() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


def test_after_a_large_write_and_not_after_a_small_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(tmp_path / "db")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc_trim")
def test_what_is_free_between_pieces_in_use_is_returned() -> None:
    from searchengine.store.lite_memory import give_back

    give_back()
    pieces = [bytes(60_000) for _ in range(2_000)]  # too small to be mapped one by one
    kept = pieces[::40]
    full = rss_kb()
    del pieces
    give_back()
    assert full - rss_kb() > 80_000
    assert len(kept) == 50
