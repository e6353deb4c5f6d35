"""``searchengine index`` against the naive loop, rclip and its own slowest stage, in one run.

::

    python bench/index_speed.py [--images 300] [--megapixels 0.75 12] [--precision bf16 int8]
        [--runtime openvino] [--photos FOLDER] [--rclip-python PATH] [--rounds 3] [--work FOLDER]
        [--out FILE]

JPEGs of each size are made (from ``--photos`` enlarged, else of shapes), and a ViT-B-32-256 of
random weights, which costs what a trained one does. In every round each side indexes them once,
one after the other, as a whole process into an empty store; then a third of them:

* whole: seconds of the process with all images;
* steady: two thirds of the images / (seconds with all - seconds with a third), medians of each:
  what another image costs, whatever starting does. The same for every side. (A third and not one
  single image: the first batches overlap with making the collection, which takes Milvus Lite a
  second.)

Of 12 MP, two fifths as many images are taken.

The naive loop (``naive_loop.py``) decodes in full, preprocesses with OpenCLIP's own transform, and
encodes and inserts one image at a time, in fp32. rclip 3.3 runs in an environment of its own on the
same weights and files (``rclip_setup.py``), on 0.75 MP. The bound is what all cores could do if
nothing but decoding and encoding, each measured alone on one core (``stages_alone.py``), were done
and no core ever idled.

The very first run with a precision, in which the model may be compiled and, for int8, tried on the
pictures, is told apart and is in no ratio. Prints a table; all figures go to a JSON file.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rclip_setup import forget, run_rclip, set_up
from sample_photos import make_photos
from surroundings import commit, cores, machine

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
RCLIP_MEGAPIXELS = 0.75
GOALS = {
    ("naive", 12.0, "bf16"): 4.0,
    ("naive", 0.75, "bf16"): 2.3,
    ("naive", 12.0, "int8"): 5.5,
    ("naive", 0.75, "int8"): 3.7,
}
RCLIP_STEADY, RCLIP_WHOLE, OF_BOUND = 1.9, 1.4, 0.88


@dataclass
class Times:
    """Seconds of whole processes of one side, a number a round."""

    images: int
    all: list[float] = field(default_factory=list)
    few: list[float] = field(default_factory=list)

    @property
    def whole_s(self) -> float:
        """Seconds of the process with all images."""
        return statistics.median(self.all)

    @property
    def steady(self) -> float:
        """Images a second beyond the first third."""
        more = self.images - few_of(self.images)
        return more / max(1e-9, self.whole_s - statistics.median(self.few))

    def as_json(self) -> dict[str, Any]:
        """Return what is kept."""
        return {
            "images": self.images,
            "all_s": self.all,
            "few_s": self.few,
            "whole_s": self.whole_s,
            "steady_per_s": self.steady,
        }


def few_of(images: int) -> int:
    """Return how many images the shorter run has."""
    return max(1, images // 3)


class World:
    """The folders of one bench: pictures, models, and a cache that stays between runs."""

    def __init__(self, work: Path, photos: Path | None, rclip: Path | None, runtime: str) -> None:
        self.work, self._photos, self._rclip, self._runtime = work, photos, rclip, runtime
        self.model, self._rclip_data = set_up(work / "models")

    def pictures(self, megapixels: float, count: int) -> Path:
        """Return a folder of so many pictures of that size."""
        folder = self.work / f"photos-{megapixels:g}mp-{count}"
        return make_photos(folder, count, megapixels, self._photos)

    def naive(self, folder: Path) -> float:
        """Return the seconds of one naive process."""
        with tempfile.TemporaryDirectory(dir=self.work) as scratch:
            store = Path(scratch) / "naive.db"
            command = [str(HERE / "naive_loop.py"), str(folder), "--model"]
            return self._timed([*command, f"local-dir:{self.model}", "--store", str(store)])[0]

    def index(self, folder: Path, precision: str, times: int = 1) -> list[dict[str, Any]]:
        """Return the report of one ``searchengine index`` process with its ``whole_s``, and of
        further ones over the same files and store."""
        with tempfile.TemporaryDirectory(dir=self.work) as scratch:
            command = [
                *("-m", "searchengine", "index", str(folder), "--json", "--quiet"),
                *("--model", f"local-dir:{self.model}", "--store", str(Path(scratch) / "db")),
                *("--set", f"model.precision={precision}"),
                *("--set", f"model.runtime={self._runtime}", "--set", f"data_dir={scratch}"),
            ]
            runs = [self._timed(command) for _ in range(times)]
        reports = [{**json.loads(output), "whole_s": seconds} for seconds, output in runs]
        for at, report in enumerate(reports):
            if report["failed"] or bool(report["embedded"]) != (at == 0):
                raise SystemExit(f"index went wrong: {report}")
        return reports

    def rclip(self, folder: Path) -> float:
        """Return the seconds of one rclip process, which ends with a question."""
        assert self._rclip is not None
        forget(self._rclip_data)
        return run_rclip(self._rclip, self._rclip_data, folder, "a dog")[1]

    def alone(self, folder: Path, precision: str) -> dict[str, float]:
        """Return the seconds of one core that an image costs, by stage."""
        command = [str(HERE / "stages_alone.py"), str(folder), "--model"]
        arguments = [f"local-dir:{self.model}", "--precision", precision]
        arguments += ["--runtime", self._runtime]
        row: dict[str, float] = json.loads(self._timed([*command, *arguments])[1])
        return row

    def forget_compiled(self) -> None:
        """Make the next run of the index the first one ever."""
        shutil.rmtree(self.work / "cache", ignore_errors=True)

    def _timed(self, command: list[str]) -> tuple[float, str]:
        paths = [str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "SEARCHENGINE_CACHE_DIR": str(self.work / "cache"),
        }
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, env=environment, check=False
        )
        seconds = time.perf_counter() - began
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
        return seconds, done.stdout


def compare(world: World, megapixels: float, chosen: argparse.Namespace) -> dict[str, Any]:
    """Measure the naive loop, the index at each precision, and the bound, on one size."""
    images = chosen.images if megapixels < 4 else max(2, chosen.images * 2 // 5)
    many = world.pictures(megapixels, images)
    few = world.pictures(megapixels, few_of(images))
    runs: dict[str, Callable[[Path], float]] = {"naive": world.naive}
    first: dict[str, float] = {}
    for precision in chosen.precision:
        runs[precision] = partial(_whole_s, world, precision)
        first[precision] = runs[precision](many)
    times = _interleaved(runs, many, few, images, chosen.rounds)
    result: dict[str, Any] = {"megapixels": megapixels, "first_run_s": first}
    result["sides"] = {name: side.as_json() for name, side in times.items()}
    for precision in chosen.precision:
        alone = [world.alone(many, precision) for _ in range(chosen.rounds)]
        cost = {
            stage: statistics.median(row[stage] for row in alone)
            for stage in ("decode_s", "encode_s")
        }
        bound = cores() / sum(cost.values())
        report, again = world.index(many, precision, times=2)
        result[f"index_{precision}"] = {
            "times_naive_steady": times[precision].steady / times["naive"].steady,
            "times_naive_whole": times["naive"].whole_s / times[precision].whole_s,
            "goal_times_naive": GOALS.get(("naive", megapixels, precision)),
            **cost,
            "bound_per_s": bound,
            "of_bound": times[precision].steady / bound,
            "goal_of_bound": OF_BOUND,
            "again_unchanged_s": again["whole_s"],
            "stages": report["stages"],
        }
    return result


def against_rclip(world: World, chosen: argparse.Namespace) -> dict[str, Any]:
    """Measure rclip and the index at its fastest precision that needs nobody's word for it."""
    many = world.pictures(RCLIP_MEGAPIXELS, chosen.rclip_images)
    few = world.pictures(RCLIP_MEGAPIXELS, few_of(chosen.rclip_images))
    precision = "bf16" if "bf16" in chosen.precision else chosen.precision[0]
    world.index(few, precision)  # compiled, as rclip's model is
    runs = {"rclip": world.rclip, precision: partial(_whole_s, world, precision)}
    times = _interleaved(runs, many, few, chosen.rclip_images, chosen.rounds)
    return {
        "megapixels": RCLIP_MEGAPIXELS,
        "sides": {name: side.as_json() for name, side in times.items()},
        "times_rclip_steady": times[precision].steady / times["rclip"].steady,
        "goal_steady": RCLIP_STEADY,
        "times_rclip_whole": times["rclip"].whole_s / times[precision].whole_s,
        "goal_whole": RCLIP_WHOLE,
    }


def _whole_s(world: World, precision: str, folder: Path) -> float:
    seconds: float = world.index(folder, precision)[0]["whole_s"]
    return seconds


def _interleaved(
    runs: dict[str, Callable[[Path], float]], many: Path, few: Path, images: int, rounds: int
) -> dict[str, Times]:
    times = {name: Times(images) for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].all.append(run(many))
            times[name].few.append(run(few))
    return times


def show(result: dict[str, Any]) -> None:
    """Print one comparison for people."""
    print(f"\n{result['megapixels']:g} MP            whole s    a third s   steady images/s")
    for name, side in result["sides"].items():
        start = statistics.median(side["few_s"])
        print(f"  {name:12} {side['whole_s']:10.2f} {start:14.2f} {side['steady_per_s']:17.1f}")
    for name, index in result.items():
        if name.startswith("index_"):
            print(
                f"  {name}: {index['times_naive_steady']:.2f}x the naive loop steady (goal "
                f"{index['goal_times_naive']}), {index['times_naive_whole']:.2f}x whole; "
                f"{index['of_bound']:.2f} of the bound of {index['bound_per_s']:.1f}/s (goal "
                f"{OF_BOUND}); first run ever {result['first_run_s'][name[6:]]:.1f} s, again and "
                f"unchanged {index['again_unchanged_s']:.2f} s"
            )
    if "times_rclip_steady" in result:
        print(
            f"  {result['times_rclip_steady']:.2f}x rclip steady (goal {RCLIP_STEADY}), "
            f"{result['times_rclip_whole']:.2f}x whole (goal {RCLIP_WHOLE})"
        )


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--megapixels", type=float, nargs="*", default=[0.75, 12.0])
    parser.add_argument("--precision", nargs="+", default=["bf16", "int8"])
    parser.add_argument("--photos", type=Path, help="JPEGs to enlarge")
    parser.add_argument("--rclip-python", type=Path, help="the Python rclip is installed in")
    parser.add_argument("--rclip-images", type=int, default=300)
    parser.add_argument("--runtime", default="openvino", help="what runs the model here")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, help="keeps pictures and models between runs")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "index_speed.json")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = (chosen.work or Path(scratch)).resolve()
        world = World(work, chosen.photos, chosen.rclip_python, chosen.runtime)
        world.forget_compiled()
        results = []
        for megapixels in chosen.megapixels:
            results.append(compare(world, megapixels, chosen))
            show(results[-1])
        if chosen.rclip_python is not None:
            results.append(against_rclip(world, chosen))
            show(results[-1])
    kept = {
        "command": "python bench/index_speed.py",
        "commit": commit(),
        "machine": machine(),
        "rounds": chosen.rounds,
        "runtime": chosen.runtime,
        "photos": "enlarged" if chosen.photos else "made of shapes",
        "results": results,
    }
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
