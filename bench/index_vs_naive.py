"""``searchengine index`` against the naive loop, interleaved, in one run.

::

    python bench/index_vs_naive.py PHOTOS --model local-dir:PATH [--runs 3] [--out FILE]

Whole processes: each run starts a new one with an empty store, so that importing torch and loading
the model count on both sides. A third column is the second run over unchanged files. Prints a
table and writes all figures as JSON (default ``bench/results/index_vs_naive.json``).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent


def run_naive(photos: Path, model: str, scratch: Path) -> float:
    """Return the seconds of one naive process."""
    store = scratch / "naive"
    shutil.rmtree(store, ignore_errors=True)
    command = [sys.executable, str(HERE / "naive_loop.py"), str(photos)]
    return _timed([*command, "--model", model, "--store", str(store) + ".db"], scratch)[0]


def run_index(photos: Path, model: str, scratch: Path) -> tuple[float, dict[str, object]]:
    """Return the seconds of one ``searchengine index`` process, and its report."""
    command = [sys.executable, "-m", "searchengine", "index", str(photos), "--json", "--quiet"]
    seconds, output = _timed(
        [*command, "--model", model, "--store", str(scratch / "store"), "--corpus", "bench"],
        scratch,
    )
    return seconds, json.loads(output)


def _timed(command: list[str], scratch: Path) -> tuple[float, str]:
    environment = {**os.environ, "SEARCHENGINE_DATA_DIR": str(scratch / "data")}
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return time.perf_counter() - began, done.stdout


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "index_vs_naive.json")
    arguments = parser.parse_args()
    naive: list[float] = []
    first: list[float] = []
    second: list[float] = []
    report: dict[str, object] = {}
    for _ in range(arguments.runs):
        with tempfile.TemporaryDirectory() as folder:
            scratch = Path(folder)
            naive.append(run_naive(arguments.photos, arguments.model, scratch))
            seconds, report = run_index(arguments.photos, arguments.model, scratch)
            first.append(seconds)
            seconds, again = run_index(arguments.photos, arguments.model, scratch)
            if again["embedded"] != 0:
                raise SystemExit(f"the second run embedded {again['embedded']} images")
            second.append(seconds)
    middle = {
        name: statistics.median(times)
        for name, times in (("naive", naive), ("index", first), ("again", second))
    }
    result = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "images": report["embedded"],
        "runs": arguments.runs,
        "seconds": {"naive": naive, "index": first, "again": second},
        "median_s": middle,
        "index_vs_naive": middle["naive"] / middle["index"],
        "again_vs_index": middle["index"] / middle["again"],
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"{result['images']} images, medians of {arguments.runs}, whole processes")
    print(f"  naive loop                 {middle['naive']:7.2f} s")
    print(
        f"  index                      {middle['index']:7.2f} s   {result['index_vs_naive']:.2f}x"
    )
    print(
        f"  index again, unchanged     {middle['again']:7.2f} s   {result['again_vs_index']:.1f}x"
    )


if __name__ == "__main__":
    main()
