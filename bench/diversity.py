"""What diversity costs: how varied and how right the first ten are, by the balance of MMR.

    python bench/diversity.py --json out.json

Asked are the 33 kinds of things ("a boat") over drawn scenes with the shipped model; each scene is
there five times over: itself and four altered copies, as bursts and exports are. Right is a
picture that holds one; varied is how many different scenes, colours of that kind and backgrounds
the right ones among the first ten show. ``folded`` is what ``fold`` does to the same pools.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rerank_sets import Cache, copies, drawn, drawn_tasks, picture_of

from searchengine.demo.captions import query
from searchengine.demo.scenes import KINDS
from searchengine.encoders import load_encoder
from searchengine.query.pool import Candidate
from searchengine.query.stages.diversify import diversify
from searchengine.query.stages.fold import fold

if TYPE_CHECKING:
    from searchengine.demo.scenes import Scene
    from searchengine.encoders.contract import Vectors

BALANCES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.3, 0.0)
FIRST = 10


def pool_of(index: Vectors, vector: Vectors, size: int) -> list[Candidate]:
    """Return the exact best ``size``; an id is a row."""
    scores = np.round(index @ vector, 6)
    best = np.argsort(-scores, kind="stable")[:size]
    return [Candidate(str(row), float(scores[row]), "image", {}, index[row]) for row in best]


def look(kind: str, pool: list[Candidate], scenes: list[Scene]) -> dict[str, float]:
    """Return what the first few hits show; row n is a picture of scene n modulo their number."""
    rows = [int(one.id) % len(scenes) for one in pool[:FIRST]]
    right = [(row, g.colour) for row in rows for g in scenes[row].groups if g.kind == kind]
    return {
        "right": len(right) / len(rows),
        "scenes": len({row for row, _ in right}),
        "colours": len({colour for _, colour in right}),
        "backgrounds": len({scenes[row].background for row, _ in right}),
    }


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300, help="drawn scenes")
    parser.add_argument("--pool", type=int, default=200, help="candidates a query")
    parser.add_argument("--cache", type=Path, help="where vectors are kept")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    asked = parser.parse_args()
    encoder, scenes = load_encoder("drawn-scenes"), drawn(asked.count)
    with tempfile.TemporaryDirectory() as scratch:
        cache = Cache(asked.cache or Path(scratch))
        once = drawn_tasks(cache, encoder, "drawn-scenes", asked.count)[0].index
        name = f"drawn-{asked.count}-drawn-scenes"
        altered = copies(cache, encoder, name, lambda: map(picture_of, scenes))
    index = np.concatenate([once, *altered.values()])
    vectors = encoder.encode_texts([query(kind, None, "en") for kind in KINDS])
    rows: list[dict[str, Any]] = []
    pools = [pool_of(index, vector, asked.pool) for vector in vectors]
    stages: list[tuple[str, Any]] = [
        *(("balance", balance) for balance in BALANCES),
        ("folded", None),
    ]
    for name, balance in stages:
        seen = [
            look(kind, fold(pool) if balance is None else diversify(pool, balance=balance), scenes)
            for kind, pool in zip(KINDS, pools, strict=True)
        ]
        means = {key: round(float(np.mean([one[key] for one in seen])), 3) for key in seen[0]}
        rows.append({name: True if balance is None else balance, **means})
        sys.stdout.write(json.dumps(rows[-1]) + "\n")
    if asked.json:
        report = {"pool": asked.pool, "drawn": asked.count, "first": FIRST, "rows": rows}
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
