"""Peak memory of ``searchengine index``: many drawn scenes against few.

::

    python bench/index_memory.py [--few 1000] [--many 50000] [--work FOLDER] [--out FILE]

Scenes are drawn to JPEGs (kept in ``--work``; drawing 50,000 takes some minutes), then each number
of them is indexed with the encoder that ships, into an empty Milvus Lite folder, by a process of
its own whose peak resident memory the system tells. Thrice: with an empty cache, as on a machine
that has not seen the model, where runtimes are tried on it, for which PyTorch is imported; with
what that run left in the cache, where a compiled model is loaded and PyTorch is not, into another
empty folder; and into the same folder again, unchanged: what a listing and a comparison cost. Few
and many are compared like with like. Goal: many within 1.2 times few.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from surroundings import commit, machine

HERE = Path(__file__).parent
GOAL = 1.2
_SIZE = (320, 240)
_A_FOLDER = 1_000


def draw_folder(job: tuple[Path, int, int]) -> None:
    """Draw so many scenes into a folder, unless they are there."""
    import random

    from searchengine.demo.draw import draw
    from searchengine.demo.scenes import sample_scene

    folder, seed, count = job
    done = folder / "done"
    if done.is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    for n in range(count):
        draw(sample_scene(rng), *_SIZE).save(folder / f"scene-{n:04d}.jpg", quality=90)
    done.touch()


def draw_scenes(folder: Path, count: int) -> Path:
    """Have ``count`` scenes below a folder, a thousand a subfolder."""
    jobs = [
        (folder / f"{at // _A_FOLDER:04d}", at, min(_A_FOLDER, count - at))
        for at in range(0, count, _A_FOLDER)
    ]
    with ProcessPoolExecutor() as pool:
        list(pool.map(draw_folder, jobs))
    return folder


RUNS = {"cold": "one", "warm": "two", "again": "two"}
"""The runs over a folder, in their order, and which database each is for."""


def peaks_of(photos: Path) -> dict[str, dict[str, Any]]:
    """Index a folder in processes of their own; return of each run peak memory, MiB, and report."""
    with tempfile.TemporaryDirectory() as scratch:
        paths = [str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "SEARCHENGINE_CACHE_DIR": str(Path(scratch) / "cache"),
        }
        rows = {}
        for name, database in RUNS.items():
            command = [sys.executable, str(Path(__file__).resolve()), "--child", str(photos)]
            began = time.perf_counter()
            done = subprocess.run(
                [*command, str(Path(scratch) / database)],
                capture_output=True,
                text=True,
                env=environment,
                check=True,
            )
            seconds = round(time.perf_counter() - began, 2)
            rows[name] = {**json.loads(done.stdout), "seconds": seconds}
        return rows


def index_here(photos: Path, scratch: Path) -> None:
    """Index a folder in this process, and print its peak memory."""
    from ingest import index

    report = index(
        [photos], model__name="drawn-scenes", store__uri=str(scratch / "db"), data_dir=scratch
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    mib = peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
    told = report.as_json()
    row = {name: told[name] for name in ("seen", "embedded", "failed", "embedded_per_s")}
    print(json.dumps({"peak_mib": round(mib, 1), **row}))


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--few", type=int, default=1_000)
    parser.add_argument("--many", type=int, default=50_000)
    parser.add_argument("--work", type=Path, help="keeps the pictures between runs")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "index_memory.json")
    parser.add_argument("--child", nargs=2, type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        index_here(*chosen.child)
        return
    with tempfile.TemporaryDirectory() as scratch:
        work = chosen.work or Path(scratch)
        few = peaks_of(draw_scenes(work / f"scenes-{chosen.few}", chosen.few))
        many = peaks_of(draw_scenes(work / f"scenes-{chosen.many}", chosen.many))
    kept = {
        "command": "python bench/index_memory.py",
        "commit": commit(),
        "machine": machine(),
        "few": few,
        "many": many,
        "ratios": {name: many[name]["peak_mib"] / few[name]["peak_mib"] for name in RUNS},
        "goal": GOAL,
    }
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    for name in RUNS:
        for rows in (few, many):
            row = rows[name]
            print(
                f"{name:6} {row['seen']:7,} scenes, {row['embedded']:7,} embedded   "
                f"{row['seconds']:8.1f} s   peak {row['peak_mib']:8.1f} MiB"
            )
        print(f"{name:6} ratio {kept['ratios'][name]:.3f} (goal {GOAL})")


if __name__ == "__main__":
    main()
