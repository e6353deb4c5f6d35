"""Does the heat map of ``explain`` find the thing that was asked for?

    python bench/explain.py                      60 drawn scenes, the shipped encoder
    python bench/explain.py --scenes 200 --json out.json

Scenes of two or three groups that training never saw. For each group the query names it ("a red
boat"), and the hottest cell of the map is held against where the group was drawn:

* nearest: of the scene's groups, the one asked for has its place nearest to the cell. Chance is
  one in the number of groups;
* inside: the cell's middle lies in the box that the group was drawn in. Chance is the box's share
  of the picture;
* overlap: intersection over union of that box and the strongest region's.

Beside it a query for a thing that is not on the picture: how hot its hottest cell is.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch

from searchengine.demo.captions import query
from searchengine.demo.collection import held_out_scenes
from searchengine.demo.draw import _CENTRES, _SIDES, _rows, draw
from searchengine.demo.scenes import KINDS, Group, Scene
from searchengine.encoders import load_encoder
from searchengine.explain.heat import Box, HeatMap, heat_map

SIZE = (320, 240)


@dataclass(frozen=True)
class Look:
    """One query at one scene."""

    nearest: bool
    inside: bool
    overlap: float
    chance_nearest: float
    chance_inside: float
    hottest: float
    seconds: float


def drawn_box(scene: Scene, group: Group) -> Box:
    """Return where ``draw`` puts a group, but for its small random shifts."""
    rows, side = _rows(scene, group), _SIDES[group.size]
    x, y = _CENTRES[group.place]
    half_width, half_height = max(rows) * side * SIZE[1] / SIZE[0] / 2, len(rows) * side / 2
    left, top, right, bottom = x - half_width, y - half_height, x + half_width, y + half_height
    return max(0.0, left), max(0.0, top), min(1.0, right), min(1.0, bottom)


def hottest(heat: HeatMap) -> tuple[float, float]:
    """Return the middle of the hottest cell."""
    row, column = divmod(int(heat.grid.argmax()), heat.columns)
    return (column + 0.5) / heat.columns, (row + 0.5) / heat.rows


def nearest(scene: Scene, x: float, y: float) -> Group:
    """Return the group whose place is nearest, in pixels."""

    def distance(group: Group) -> float:
        place = _CENTRES[group.place]
        return ((place[0] - x) * SIZE[0]) ** 2 + ((place[1] - y) * SIZE[1]) ** 2

    return min(scene.groups, key=distance)


def overlap(one: Box, other: Box) -> float:
    """Return intersection over union."""
    wide = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    high = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    both = area(one) + area(other) - wide * high
    return wide * high / both


def area(box: Box) -> float:
    """Return a box's share of the picture."""
    return (box[2] - box[0]) * (box[3] - box[1])


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=int, default=60, help="how many scenes")
    parser.add_argument("--seed", type=int, default=77, help="which scenes")
    parser.add_argument("--language", choices=("en", "zh"), default="en")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    encoder = load_encoder("drawn-scenes")
    several = (scene for scene in held_out_scenes(asked.seed) if len(scene.groups) > 1)
    looks: list[Look] = []
    absent: list[float] = []
    for scene in islice(several, asked.scenes):
        picture = draw(scene, *SIZE)
        for group in scene.groups:
            words = query(group.kind, group.colour, asked.language)
            vector = encoder.encode_texts([words])[0]
            started = time.perf_counter()
            heat = heat_map(picture, vector, encoder)
            seconds = time.perf_counter() - started
            x, y = hottest(heat)
            box = drawn_box(scene, group)
            looks.append(
                Look(
                    nearest(scene, x, y) is group,
                    box[0] <= x <= box[2] and box[1] <= y <= box[3],
                    overlap(box, heat.strongest.box),
                    1 / len(scene.groups),
                    area(box),
                    float(heat.grid.max()),
                    seconds,
                )
            )
        other = next(kind for kind in KINDS if kind not in {group.kind for group in scene.groups})
        vector = encoder.encode_texts([query(other, None, asked.language)])[0]
        absent.append(float(heat_map(picture, vector, encoder).grid.max()))
    figures = {
        "scenes": asked.scenes,
        "queries": len(looks),
        "language": asked.language,
        "nearest": statistics.mean(look.nearest for look in looks),
        "nearest_by_chance": statistics.mean(look.chance_nearest for look in looks),
        "inside": statistics.mean(look.inside for look in looks),
        "inside_by_chance": statistics.mean(look.chance_inside for look in looks),
        "overlap": statistics.mean(look.overlap for look in looks),
        "hottest_cell": statistics.median(look.hottest for look in looks),
        "hottest_cell_of_a_thing_not_there": statistics.median(absent),
        "ms_a_map": 1000 * statistics.median(look.seconds for look in looks),
    }
    text = json.dumps(
        {name: round(v, 4) if isinstance(v, float) else v for name, v in figures.items()}, indent=2
    )
    print(text)
    if asked.json:
        asked.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
