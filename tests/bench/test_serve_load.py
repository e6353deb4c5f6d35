"""The service under a small load: bad uploads, and a database that goes away and comes back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAY_VARY = ("batching is faster", "memory flat")
"""Figures, of which a few seconds on a busy machine say nothing."""


def test_only_what_is_bad_is_refused_and_a_database_may_restart(
    tmp_path: Path, milvus_binaries: Path
) -> None:
    out, work = tmp_path / "load.json", tmp_path / "work"
    work.mkdir()
    (work / "binaries").symlink_to(milvus_binaries)
    asked = ["--small", "--poison", "--stop-database", "--work", str(work), "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "bench/serve_load.py", *asked],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert out.is_file(), done.stderr
    result = json.loads(out.read_text(encoding="utf-8"))
    wrong = [name for name, good in result["verdicts"].items() if not good]
    assert [name for name in wrong if not name.startswith(MAY_VARY)] == [], done.stderr
    assert len(result["poison"]["uploads"]) == 6
    assert result["one_client"]["stages"]["encode"]["p50_ms"] > 0
    stopped = result["stop_database"]
    assert stopped["statuses"]["503"] > 0
    assert stopped["answers_since_ready"] > 0
