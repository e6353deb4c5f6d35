"""Peak memory of ``searchengine index``: many drawn scenes against few.

::

    python bench/index_memory.py [--few 1000] [--many 50000] [--work FOLDER] [--out FILE]

Scenes are drawn to JPEGs (kept in ``--work``; drawing 50,000 takes some minutes), then each number
of them is indexed with the encoder that ships, into an empty Milvus Lite folder, by a process of
its own whose peak resident memory the system tells. Few and many are compared like with like, for
what the encoder runs on takes more than all the rest:

* "first": with an empty cache, as on a machine that has not seen the model. The runtimes there are
  are tried on it, for which PyTorch is imported, and the fastest is taken.
* "torch", "openvino": that runtime, after a run that is not measured has left a compiled model.
* "again": the same once more, nothing changed: what a listing and a comparison cost.

Goal: many within 1.2 times few.
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


RUNS = {"first": "auto", "torch": "torch", "openvino": "openvino", "again": "openvino"}
"""The runs over a folder, in their order, and the runtime of each."""


def peaks_of(photos: Path, cache: Path) -> dict[str, dict[str, Any]]:
    """Index a folder in processes of their own; return of each run peak memory, MiB, and report.

    All but the first run share a cache.
    """
    with tempfile.TemporaryDirectory() as scratch:
        rows = {}
        for name, runtime in RUNS.items():
            own = Path(scratch) / ("first" if name == "first" else runtime)
            began = time.perf_counter()
            told = run(photos, own, runtime, own / "cache" if name == "first" else cache)
            rows[name] = {**told, "seconds": round(time.perf_counter() - began, 2)}
        return rows


def run(photos: Path, folder: Path, runtime: str, cache: Path) -> dict[str, Any]:
    """Index pictures in a process of its own; return what it says of itself."""
    paths = [str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), "--child", photos, folder, runtime],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "SEARCHENGINE_CACHE_DIR": str(cache),
        },
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def index_here(photos: str, scratch: str, runtime: str) -> None:
    """Index a folder in this process, and print its peak memory."""
    from ingest import index

    report = index(
        [Path(photos)],
        model__name="drawn-scenes",
        model__runtime=runtime,
        store__uri=str(Path(scratch) / "db"),
        data_dir=Path(scratch),
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
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        index_here(*chosen.child)
        return
    with tempfile.TemporaryDirectory() as scratch:
        work = chosen.work or Path(scratch)
        pictures = [draw_scenes(work / f"scenes-{n}", n) for n in (chosen.few, chosen.many)]
        cache = Path(scratch) / "cache"
        for runtime in ("torch", "openvino"):
            run(pictures[0], Path(scratch) / f"before-{runtime}", runtime, cache)
        few, many = (peaks_of(one, cache) for one in pictures)
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
                f"{name:8} {row['seen']:7,} scenes, {row['embedded']:7,} embedded   "
                f"{row['seconds']:8.1f} s   peak {row['peak_mib']:8.1f} MiB"
            )
        print(f"{name:8} ratio {kept['ratios'][name]:.3f} (goal {GOAL})")


if __name__ == "__main__":
    main()
