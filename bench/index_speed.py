"""``searchengine index`` against the naive loop, rclip and its own stages alone, in one run.

::

    python bench/index_speed.py [--images 300] [--megapixels 0.75 12] [--precision bf16 int8]
        [--against naive rclip] [--runtime openvino] [--photos FOLDER] [--rclip-python PATH]
        [--rounds 3] [--keep-compiled] [--work FOLDER] [--out FILE]

JPEGs of each size are made (from ``--photos`` enlarged, else of shapes), and a ViT-B-32-256 of
random weights, which costs what a trained one does. In every round each side indexes them, one
after the other, as a whole process into an empty store, first n of them and then more:

* whole: seconds of the process with n, the median of the rounds;
* steady: what the process with more needs beyond the one with n, as images a second, whatever
  starting and ending cost. Taken in each round, of two runs one after the other; told are the
  median, the least and the most. n has to be so many that all that starting does is over, or hides
  behind the same work in both runs: for ``index`` and rclip it is n and 3 n. The naive loop does
  one thing after another and is slow, so a third of n and n will do.

Of 12 MP, two fifths as many images are taken.

The naive loop (``naive_loop.py``) decodes in full, preprocesses with OpenCLIP's own transform, and
encodes and inserts one image at a time, in fp32. rclip 3.3 runs in an environment of its own on the
same weights and files (``rclip_setup.py``), on 0.75 MP.

The bound is what all cores do when nothing but decoding and encoding is done on any, and none ever
idles: cores / (decode + encode), each measured alone, on all cores at once (``stages_alone.py``),
in the same rounds. Against one core's figures while the others idle, which the same machine cannot
keep up on all of them, the share is told as ``of_idle_bound``.

The very first run with a precision, in which the model may be compiled and, for int8, tried on the
pictures, is told apart and is in no ratio; ``--keep-compiled`` does without. Prints a table; all
figures go to a JSON file, in which a result takes the place of the one it had of the same sides and
size: the whole takes long, and can be measured in parts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index_world import HERE, World
from surroundings import commit, cores, machine

if TYPE_CHECKING:
    from collections.abc import Callable

RCLIP_MEGAPIXELS = 0.75
GOALS = {
    (12.0, "bf16"): 4.0,
    (0.75, "bf16"): 2.3,
    (12.0, "int8"): 5.5,
    (0.75, "int8"): 3.7,
}
RCLIP_STEADY, RCLIP_WHOLE, OF_BOUND = 1.9, 1.4, 0.88


@dataclass
class Side:
    """One side: how it runs a folder, over how many images, and the seconds of each round."""

    run: Callable[[Path], float]
    whole: int
    """Images of the run that is told as a whole process."""
    other: int
    """Images of the run that it is compared with: fewer, or more."""
    whole_all_s: list[float] = field(default_factory=list)
    other_all_s: list[float] = field(default_factory=list)

    @property
    def whole_s(self) -> float:
        """Seconds of the process, the median."""
        return statistics.median(self.whole_all_s)

    @property
    def steady_all(self) -> list[float]:
        """Images a second between the two counts, a figure a round."""
        pairs = zip(self.whole_all_s, self.other_all_s, strict=True)
        return [(self.other - self.whole) / (other - whole) for whole, other in pairs]

    @property
    def steady(self) -> float:
        """Images a second between the two counts, the median."""
        return statistics.median(self.steady_all)

    def as_json(self) -> dict[str, Any]:
        """Return what is kept."""
        return {
            "images": self.whole,
            "whole_all_s": self.whole_all_s,
            "whole_s": self.whole_s,
            "steady_images": sorted([self.whole, self.other]),
            "other_all_s": self.other_all_s,
            "steady_per_s": self.steady,
            "steady_least_most": [min(self.steady_all), max(self.steady_all)],
        }


def compare(world: World, megapixels: float, chosen: argparse.Namespace) -> dict[str, Any]:
    """Measure the naive loop, the index at each precision, and the bound, on one size."""
    images = chosen.images if megapixels < 4 else max(3, chosen.images * 2 // 5)
    many = world.pictures(megapixels, images)
    sides: dict[str, Side] = {}
    if "naive" in chosen.against:
        sides["naive"] = Side(world.naive, images, max(1, images // 3))
    first: dict[str, float] = {}
    for precision in chosen.precision:
        sides[precision] = Side(partial(world.index_s, precision), images, 3 * images)
        first[precision] = world.index_s(precision, many)
    alone: dict[str, list[dict[str, Any]]] = {precision: [] for precision in chosen.precision}

    def measure_alone() -> None:
        for precision, rows in alone.items():
            rows.append(world.alone(many, precision))

    _take_turns(world, megapixels, sides, chosen.rounds, measure_alone)
    result: dict[str, Any] = {"megapixels": megapixels, "against": "naive"}
    if not chosen.keep_compiled:
        result["first_run_s"] = first
    result["sides"] = {name: side.as_json() for name, side in sides.items()}
    for precision in chosen.precision:
        report, again = world.index(precision, many, times=2)
        result[f"index_{precision}"] = {
            **_of_naive(sides.get("naive"), sides[precision], GOALS.get((megapixels, precision))),
            **_of_bound(alone[precision], sides[precision]),
            "again_unchanged_s": again["whole_s"],
            "stages": report["stages"],
        }
    return result


def against_rclip(world: World, chosen: argparse.Namespace) -> dict[str, Any]:
    """Measure rclip and the index at its fastest precision that needs nobody's word for it."""
    precision = "bf16" if "bf16" in chosen.precision else chosen.precision[0]
    images = chosen.images
    world.index_s(precision, world.pictures(RCLIP_MEGAPIXELS, images))  # compiled, as rclip's is
    sides = {
        "rclip": Side(world.rclip, images, 3 * images),
        precision: Side(partial(world.index_s, precision), images, 3 * images),
    }
    _take_turns(world, RCLIP_MEGAPIXELS, sides, chosen.rounds)
    theirs, ours = sides["rclip"], sides[precision]
    return {
        "megapixels": RCLIP_MEGAPIXELS,
        "against": "rclip",
        "sides": {name: side.as_json() for name, side in sides.items()},
        "times_rclip_steady": ours.steady / theirs.steady,
        "goal_steady": RCLIP_STEADY,
        "times_rclip_whole": theirs.whole_s / ours.whole_s,
        "goal_whole": RCLIP_WHOLE,
    }


def _take_turns(
    world: World,
    megapixels: float,
    sides: dict[str, Side],
    rounds: int,
    after_each: Callable[[], None] = lambda: None,
) -> None:
    for _ in range(rounds):
        for side in sides.values():
            side.whole_all_s.append(side.run(world.pictures(megapixels, side.whole)))
            side.other_all_s.append(side.run(world.pictures(megapixels, side.other)))
        after_each()


def _of_naive(naive: Side | None, side: Side, goal: float | None) -> dict[str, Any]:
    if naive is None:
        return {}
    return {
        "times_naive_steady": side.steady / naive.steady,
        "times_naive_whole": naive.whole_s / side.whole_s,
        "goal_times_naive": goal,
    }


def _of_bound(alone: list[dict[str, Any]], side: Side) -> dict[str, Any]:
    def bound(rows: list[dict[str, Any]]) -> tuple[dict[str, float], float]:
        stages = ("decode_s", "encode_s")
        cost = {stage: statistics.median(row[stage] for row in rows) for stage in stages}
        return cost, cores() / sum(cost.values())

    (cost, all_busy), (idle_cost, idle) = bound(alone), bound([row["one_core"] for row in alone])
    return {
        **cost,
        "bound_per_s": all_busy,
        "of_bound": side.steady / all_busy,
        "of_bound_least_most": [rate / all_busy for rate in side.as_json()["steady_least_most"]],
        "goal_of_bound": OF_BOUND,
        "one_core": idle_cost,
        "idle_bound_per_s": idle,
        "of_idle_bound": side.steady / idle,
    }


def show(result: dict[str, Any]) -> None:
    """Print one comparison for people."""
    print(f"\n{result['megapixels']:g} MP       whole s   steady images/s (least, most)")
    for name, side in result["sides"].items():
        least, most = side["steady_least_most"]
        print(
            f"  {name:10} {side['whole_s']:8.2f} {side['steady_per_s']:17.1f} "
            f"({least:.1f}, {most:.1f})"
        )
    for name, index in result.items():
        if name.startswith("index_"):
            print(f"  {name}: {_in_words(index, result.get('first_run_s', {}).get(name[6:]))}")
    if "times_rclip_steady" in result:
        print(
            f"  {result['times_rclip_steady']:.2f}x rclip steady (goal {RCLIP_STEADY}), "
            f"{result['times_rclip_whole']:.2f}x whole (goal {RCLIP_WHOLE})"
        )


def _in_words(index: dict[str, Any], first_s: float | None) -> str:
    words = []
    if "times_naive_whole" in index:
        words.append(
            f"{index['times_naive_steady']:.2f}x the naive loop steady (goal "
            f"{index['goal_times_naive']}), {index['times_naive_whole']:.2f}x whole"
        )
    words.append(
        f"{index['of_bound']:.2f} ({', '.join(f'{x:.2f}' for x in index['of_bound_least_most'])}) "
        f"of the bound of {index['bound_per_s']:.1f}/s (goal {OF_BOUND}); "
        f"{index['of_idle_bound']:.2f} of one with the other cores idle"
    )
    first = f"first run ever {first_s:.1f} s, " if first_s is not None else ""
    words.append(f"{first}again and unchanged {index['again_unchanged_s']:.2f} s")
    return "; ".join(words)


def keep(out: Path, chosen: argparse.Namespace, results: list[dict[str, Any]]) -> None:
    """Write results to a file, each in place of what it holds of the same sides and size."""

    def place(result: dict[str, Any]) -> tuple[Any, ...]:
        names = sorted(name for name in result["sides"] if name not in ("naive", "rclip"))
        return result["megapixels"], result.get("against", "naive"), names

    told = {
        "command": "python bench/index_speed.py",
        "commit": commit(),
        "machine": machine(),
        "rounds": chosen.rounds,
        "runtime": chosen.runtime,
        "photos": "enlarged" if chosen.photos else "made of shapes",
    }
    kept = json.loads(out.read_text(encoding="utf-8"))["results"] if out.is_file() else []
    new = [{**told, **result} for result in results]
    places = [place(result) for result in new]
    # What an earlier form of this bench has left did not say what it was against.
    kept = [one for one in kept if "against" in one and place(one) not in places]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"results": [*kept, *new]}, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--megapixels", type=float, nargs="*", default=[0.75, 12.0])
    parser.add_argument("--precision", nargs="+", default=["bf16", "int8"])
    parser.add_argument(
        "--against", nargs="*", choices=["naive", "rclip"], default=["naive", "rclip"]
    )
    parser.add_argument("--photos", type=Path, help="JPEGs to enlarge")
    parser.add_argument("--rclip-python", type=Path, help="the Python rclip is installed in")
    parser.add_argument("--runtime", default="openvino", help="what runs the model here")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep-compiled", action="store_true", help="measure no first run ever")
    parser.add_argument("--work", type=Path, help="keeps pictures and models between runs")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "index_speed.json")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = (chosen.work or Path(scratch)).resolve()
        world = World(work, chosen.photos, chosen.rclip_python, chosen.runtime)
        if not chosen.keep_compiled:
            world.forget_compiled()
        for megapixels in chosen.megapixels:
            result = compare(world, megapixels, chosen)
            show(result)
            keep(chosen.out, chosen, [result])
        if chosen.rclip_python is not None and "rclip" in chosen.against:
            result = against_rclip(world, chosen)
            show(result)
            keep(chosen.out, chosen, [result])


if __name__ == "__main__":
    main()
