"""One text query over 100,000 items, the whole process, beside rclip with the same vectors.

::

    python -m venv RV && RV/bin/pip install rclip==3.3.0
    python bench/cold_query.py --rclip-python RV/bin/python [--folder DIR] [--runs 7] [--items N]

Both sides have the same model of random weights (``rclip_setup.py``), the same clustered vectors
under the same paths, and print the ten best; ours is prepared as ``index`` leaves a corpus behind.
A new text each time, so that nobody has it ready, in turn on both sides; then ours once more with
the same text. Medians of wall time and of processor time, the latter less disturbed by whatever
else runs. What they find is compared. Writes ``bench/results/cold_query.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from flat_or_hnsw import clustered
from rclip_setup import DIM, environment, fill_rclip, forget, set_up
from surroundings import commit, machine
from text_encode import queries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE = Path(__file__).parent
TOP = 10
ROWS = 2_000


def prepare(folder: Path, items: int, rclip_python: Path) -> tuple[list[str], Path, Path]:
    """Fill both sides; return our flags, rclip's folder and the folder of the (absent) photos."""
    ours, theirs = set_up(folder / "models")
    photos = folder / "photos"
    photos.mkdir(parents=True, exist_ok=True)
    flags = ["--store", str(folder / "store"), "--set", f"cache_dir={folder / 'cache'}"]
    done = folder / f"filled-{items}"
    if not done.exists():
        rng = np.random.default_rng(0)
        vectors = clustered(rng, rng.normal(size=(200, DIM)).astype(np.float32), items)
        paths = [str(photos / f"{number}.jpg") for number in range(items)]
        forget(theirs)
        fill_rclip(rclip_python, theirs, paths, vectors)
        fill_ours(folder, f"local-dir:{ours}", paths, vectors)
        done.touch()
    return flags, theirs, photos


def fill_ours(folder: Path, model: str, paths: Sequence[str], vectors: Any) -> None:
    """Write the rows, and have ready what ``index`` has ready when it is done."""
    from ingest.job import _prepare_questions
    from searchengine.encoders import load_encoder
    from searchengine.identity import file_uri, item_id
    from searchengine.records import Item, Side
    from searchengine.store import open_store
    from searchengine.store.contract import Row, SideSpec

    encoder = load_encoder(model, cache_dir=folder / "cache")
    _prepare_questions(encoder, cache_dir=folder / "cache", prompts="auto")
    store, side = open_store(folder / "store"), Side("default", "image")
    if store.describe(side) is not None:
        store.drop("default")
    store.ensure(SideSpec(side, encoder.name, encoder.fingerprint, encoder.dim))
    uris = [file_uri(path) for path in paths]
    for start in range(0, len(uris), ROWS):
        store.upsert(
            side,
            [
                Row(
                    Item(item_id(uri), uri, "image", "1", "0", 1, 0, "image/jpeg"),
                    vectors[start + at],
                )
                for at, uri in enumerate(uris[start : start + ROWS])
            ],
        )
    store.settle(side)
    store.close()


def timed(
    command: list[str], folder: Path, variables: Mapping[str, str]
) -> tuple[list[str], float, float]:
    """Run a process; return the lines it prints, its wall seconds and its processor seconds."""
    busy, began = _children_s(), time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=dict(variables), capture_output=True, text=True, check=False
    )
    wall = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{command[:4]} failed: {done.stderr[-2000:]}")
    return done.stdout.splitlines(), wall, _children_s() - busy


def _children_s() -> float:
    times = os.times()
    return times.children_user + times.children_system


def measure(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Ask both sides in turn."""
    flags, theirs, photos = prepare(folder, chosen.items, chosen.rclip_python)
    start = "from searchengine.cli import run; run()"
    ours = [sys.executable, "-c", start, "search", "--paths", "--limit", str(TOP), *flags]
    rclip = [str(chosen.rclip_python), "-m", "rclip", "--no-indexing", "--filepath-only"]
    rclip += ["--top", str(TOP)]
    seconds: dict[str, list[tuple[float, float]]] = {"ours": [], "ours, again": [], "rclip": []}
    shared = []
    kept = folder / "cache" / "queries"
    for path in kept.glob("*") if kept.is_dir() else ():
        path.unlink()
    for number, text in enumerate(queries(chosen.runs + 1)):
        found = {}
        for name, command, variables in (
            ("ours", [*ours, text], os.environ),
            ("rclip", [*rclip, text], environment(theirs)),
            ("ours, again", [*ours, text], os.environ),
        ):
            found[name], wall, cpu = timed(command, photos, variables)
            if number:  # the first round warms the disk's cache
                seconds[name].append((wall, cpu))
        shared.append(len(set(found["ours"]) & set(found["rclip"])) / TOP)
    sides = {
        name: {
            "wall_s": round(statistics.median(wall for wall, _ in all_), 3),
            "cpu_s": round(statistics.median(cpu for _, cpu in all_), 3),
        }
        for name, all_ in seconds.items()
    }
    return {
        "machine": machine(),
        "commit": commit(),
        "items": chosen.items,
        "dim": DIM,
        "runs": chosen.runs,
        "sides": sides,
        "rclip_over_ours_wall": round(sides["rclip"]["wall_s"] / sides["ours"]["wall_s"], 2),
        "rclip_over_ours_cpu": round(sides["rclip"]["cpu_s"] / sides["ours"]["cpu_s"], 2),
        "hits_shared": round(float(np.mean(shared)), 3),
    }


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rclip-python", type=Path, required=True)
    parser.add_argument("--folder", type=Path, help="where both sides' data is kept between runs")
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "cold_query.json")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        report = measure(chosen, (chosen.folder or Path(scratch)).resolve())
    print(json.dumps(report, indent=1))
    chosen.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if report["rclip_over_ours_wall"] <= 1:
        sys.exit("rclip was faster")


if __name__ == "__main__":
    main()
