"""Pictures per core-second of an image tower: each runtime and precision beside eager fp32.

::

    python bench/encode.py [--arch ViT-B-32] [--images 32] [--rounds 7] [--out FILE]

Random weights, drawn pictures, one thread each, interleaved, medians. A core-second is counted in
CPU time of the process, so that whatever else runs on the machine disturbs less; wall time stands
beside it. Cosines are to eager fp32, the worst of all pictures; recall@10 is of int8's gate, on
the drawn pictures. Writes ``bench/results/encode.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from surroundings import commit, machine

from searchengine.bank import bank_pictures
from searchengine.encoders.architectures import architecture_config
from searchengine.encoders.files import ModelFiles, local_files
from searchengine.encoders.names import parse_model
from searchengine.encoders.towers.exported import ExportedTowers
from searchengine.ranks import recall_at, unit

if TYPE_CHECKING:
    from searchengine.encoders.contract import Pixels

HERE = Path(__file__).parent
Run = Callable[["Pixels"], Any]
GOALS = {"openvino bf16": 2.1, "openvino int8": 3.7}


def random_model(arch: str, folder: Path) -> ModelFiles:
    """Save an architecture with random weights in OpenCLIP's local-dir layout."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    from searchengine.encoders.seam import quiet

    folder.mkdir(parents=True)
    config = {"model_cfg": architecture_config(arch), "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    torch.manual_seed(0)
    with quiet():
        model = open_clip.create_model(arch, pretrained=None)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    return local_files(parse_model(f"local-dir:{folder}"), folder)


def contestants(files: ModelFiles, scratch: Path, pixels: Pixels) -> dict[str, Run]:
    """Return what runs the image tower, one thread each; the first is what all is held against."""
    import torch

    from searchengine.encoders.towers.int8 import Int8Towers
    from searchengine.encoders.towers.onnx_towers import OnnxTowers
    from searchengine.encoders.towers.openvino_towers import OpenVinoTowers, has_bf16
    from searchengine.encoders.towers.torch_towers import TorchTowers

    torch.set_num_threads(1)
    eager = TorchTowers(files, device="cpu", precision="fp32", cache_dir=scratch)
    openvino = ExportedTowers(
        files, "openvino", fingerprint="bench", cache_dir=scratch, model=eager.model
    )
    onnx = ExportedTowers(files, "onnx", fingerprint="bench", cache_dir=scratch, model=eager.model)
    runs: dict[str, Run] = {"torch fp32": eager.images}
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        low = TorchTowers(files, device="cpu", precision="bf16", cache_dir=scratch)
        runs["torch bf16"] = low.images
    runs["onnx fp32"] = OnnxTowers(onnx, threads=1).images
    runs["openvino fp32"] = OpenVinoTowers(openvino, precision="fp32", threads=1).images
    if has_bf16():
        runs["openvino bf16"] = OpenVinoTowers(openvino, precision="bf16", threads=1).images
    int8 = Int8Towers(openvino, threads=1)
    int8.calibrate(pixels)
    runs["openvino int8"] = int8.images
    return runs


def measure(runs: dict[str, Run], pixels: Pixels, rounds: int) -> dict[str, dict[str, float]]:
    """Return CPU and wall seconds of each, medians of interleaved rounds after one to warm up."""
    cpu: dict[str, list[float]] = {name: [] for name in runs}
    wall: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, run in runs.items():
            began, busy = time.perf_counter(), time.process_time()
            run(pixels)
            if turn:
                cpu[name].append(time.process_time() - busy)
                wall[name].append(time.perf_counter() - began)
    return {
        name: {"cpu_s": statistics.median(cpu[name]), "wall_s": statistics.median(wall[name])}
        for name in runs
    }


def figures(
    runs: dict[str, Run], times: dict[str, dict[str, float]], few: int, pixels: Pixels
) -> list[dict[str, Any]]:
    """Return a row for each: speed, ratio to the first, nearness to the first."""
    first = next(iter(runs))
    expected = runs[first](pixels)
    rows = []
    for name, run in runs.items():
        found = run(pixels)
        taken = times[name]
        row: dict[str, Any] = {
            "run": name,
            "images_per_core_s": round(few / taken["cpu_s"], 2),
            "ratio": round(times[first]["cpu_s"] / taken["cpu_s"], 2),
            "ratio_wall": round(times[first]["wall_s"] / taken["wall_s"], 2),
            "min_cosine": round(float((unit(expected) * unit(found)).sum(axis=1).min()), 6),
            "recall@10": round(recall_at(10, expected, found), 4),
        }
        if name in GOALS:
            row["goal"] = GOALS[name]
        rows.append(row)
    return rows


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--arch", default="ViT-B-32")
    parser.add_argument("--images", type=int, default=32, help="pictures a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "encode.json")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        scratch = Path(folder)
        files = random_model(asked.arch, scratch / "model")
        pixels = np.stack([files.preprocess(picture) for picture in bank_pictures()])
        runs = contestants(files, scratch / "cache", pixels)
        few = pixels[: asked.images]
        times = measure(runs, few, asked.rounds)
        rows = figures(runs, times, len(few), pixels)
    result = {
        "architecture": asked.arch,
        "machine": machine(),
        "versions": {name: _version(name) for name in ("torch", "openvino", "onnxruntime", "nncf")},
        "commit": commit(),
        "images": len(few),
        "rounds": asked.rounds,
        "threads": 1,
        "rows": rows,
    }
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"{asked.arch}, image tower, one thread; ratio of CPU seconds to eager fp32")
    for row in rows:
        goal = f"  goal {row['goal']}x" if "goal" in row else ""
        print(
            f"  {row['run']:14} {row['images_per_core_s']:8.1f} images/core-s {row['ratio']:6.2f}x"
            f"  cosine {row['min_cosine']:.5f}  recall@10 {row['recall@10']:.3f}{goal}"
        )


def _version(package: str) -> str:
    from importlib import metadata

    return metadata.version(package)


if __name__ == "__main__":
    main()
