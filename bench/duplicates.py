"""How many copies ``searchengine duplicates`` finds, how many it makes up, how fast.

Plants altered copies (``planted_copies.py``) among drawn scenes, or among photos of yours, indexes
the lot and runs the real command:

    python bench/duplicates.py planted --work FOLDER [--seed 1] [--photos FOLDER] [--model NAME]

Precision and recall are over pairs in the tier "same": every pair of a group counts. The memory of
everything but the signatures, on synthetic rows (no pictures):

    python bench/duplicates.py memory --items 200000

Each prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

from planted_copies import plant

from searchengine.demo.collection import write_collection


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    verbs = parser.add_subparsers(dest="verb", required=True)
    planted = verbs.add_parser("planted")
    planted.add_argument("--work", type=Path, required=True, help="a new folder")
    planted.add_argument("--scenes", type=int, default=5_000)
    planted.add_argument("--copies", type=int, default=500)
    planted.add_argument("--seed", type=int, default=1)
    planted.add_argument("--photos", type=Path, help="JPEGs to use instead of drawn scenes")
    planted.add_argument("--model", default="drawn-scenes")
    planted.add_argument("--workers", type=int)
    memory = verbs.add_parser("memory")
    memory.add_argument("--items", type=int, default=200_000)
    memory.add_argument("--neighbours", type=int, default=16)
    asked = parser.parse_args()
    found = measure_planted(asked) if asked.verb == "planted" else measure_memory(asked)
    print(json.dumps(found, indent=2))


def measure_planted(asked: argparse.Namespace) -> dict[str, Any]:
    """Build the set, run the command over it, and count pairs."""
    folder = asked.work / "photos"
    if asked.photos:
        folder.mkdir(parents=True)
        for path in sorted(asked.photos.rglob("*.jpg")):
            shutil.copy(path, folder / "-".join(path.relative_to(asked.photos).parts))
    else:
        write_collection(folder, asked.scenes, asked.seed)
    truth = plant(folder, asked.copies, asked.seed)
    store = ["--store", str(asked.work / "store")]
    command = [sys.executable, "-m", "searchengine"]
    subprocess.run([*command, "index", str(folder), *store, "-m", asked.model], check=True)
    workers = ["--workers", str(asked.workers)] if asked.workers else []
    began = time.perf_counter()
    running = subprocess.Popen(
        [*command, "duplicates", "--json", "--tier", "same", *workers, *store],
        stdout=subprocess.PIPE,
    )
    assert running.stdout is not None
    found = json.loads(running.stdout.read())
    _, status, used = os.wait4(running.pid, 0)  # of this command and its workers alone
    running.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    return {
        "pictures": asked.photos.name if asked.photos else f"{asked.scenes} drawn scenes",
        "model": asked.model.rsplit("/", 1)[-1],
        "seed": asked.seed,
        **judged(found, truth),
        "seconds": round(wall, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_mib_of_a_process": round(used.ru_maxrss / 1024, 1),
        **{key: found[key] for key in ("items", "pairs", "compared", "looked_at", "unreadable")},
    }


def judged(found: dict[str, Any], truth: dict[tuple[str, str], str]) -> dict[str, Any]:
    """Return pairwise precision and recall, recall by kind of change, and the false pairs."""
    said: set[tuple[str, str]] = set()
    for group in found["groups"]:
        names = sorted(Path(member["path"]).name for member in group["members"])
        said.update(combinations(names, 2))
    # copies of one original are copies of each other
    of: dict[str, str] = {copy: original for original, copy in truth}
    true = {pair for pair in said if of.get(pair[0], pair[0]) == of.get(pair[1], pair[1])}
    hits = {tuple(sorted(pair)) for pair in truth} & said
    kinds = Counter(truth.values())
    got = Counter(kind for pair, kind in truth.items() if tuple(sorted(pair)) in hits)
    return {
        "precision": round(len(true) / max(len(said), 1), 4),
        "recall": round(len(hits) / max(len(truth), 1), 4),
        "recall_by_kind": {kind: round(got[kind] / kinds[kind], 4) for kind in kinds},
        "false_pairs": sorted(said - true),
        "missed_pairs": sorted(pair for pair in truth if tuple(sorted(pair)) not in hits),
    }


def measure_memory(asked: argparse.Namespace) -> dict[str, Any]:
    """Run everything but the pictures on synthetic rows; return the peak above the start."""
    from synthetic_rows import SyntheticStore

    from searchengine.duplicates.find import find_duplicates
    from searchengine.duplicates.records import Wanted
    from searchengine.records import Side

    store = SyntheticStore(asked.items, asked.neighbours)
    find_duplicates(SyntheticStore(2_000, 16), Side("x", "image"), Wanted())  # imports, buffers
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    wanted = Wanted(neighbours=asked.neighbours)
    findings = find_duplicates(store, Side("synthetic", "image"), wanted)
    groups = sum(1 for _ in findings.groups)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "items": findings.items,
        "pairs": findings.pairs,
        "groups": groups,
        "seconds": round(time.perf_counter() - began, 1),
        "peak_mib_above_start": round((peak - before) / 1024, 1),
        "bytes_an_item": round((peak - before) * 1024 / asked.items),
    }


if __name__ == "__main__":
    main()
