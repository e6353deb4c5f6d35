"""One text query through the text tower: trimmed, compiled, bf16, beside eager fp32 over 77 tokens.

::

    python bench/text_encode.py [--arch ViT-B-32] [--texts 24] [--rounds 5] [--threads 1]

Random weights; queries are captions from the shipped bank, cut to 1 to 12 words as people type
them, one at a time, tokenising included. Every way takes each query in turn; medians over all. CPU
time of the process on one thread, so that whatever else runs on the machine disturbs less; wall
time stands beside it. The goals are 3 times at fp32 and 6 at bf16; torch at fp32, cut at the end
mark, is what a model that has not been compiled runs, and how many of its vectors are equal to
eager's bit for bit is counted. Writes ``bench/results/text_encode.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
GOALS = {"torch fp32, trimmed": 3.0, "openvino fp32": 3.0, "openvino bf16": 6.0}
Way = Callable[[str], Any]


def queries(count: int) -> list[str]:
    """Return beginnings of captions, 1 to 12 words long."""
    from searchengine.bank import bank_captions

    captions = bank_captions()
    step = max(1, len(captions) // count)
    return [
        " ".join(caption.split()[: 1 + number % 12])
        for number, caption in enumerate(captions[::step][:count])
    ]


def ways(arch: str, folder: Path) -> tuple[dict[str, Way], Way]:
    """Return each way from a text to a row (dim,), and eager fp32 over the whole context."""
    import torch
    from encode import random_model

    from searchengine.encoders.seam import import_open_clip
    from searchengine.encoders.tokenizers import load_tokenizer
    from searchengine.encoders.towers.exported import ExportedTowers
    from searchengine.encoders.towers.openvino_towers import OpenVinoTowers, has_bf16
    from searchengine.encoders.towers.torch_towers import TorchTowers

    files = random_model(arch, folder / "model")
    theirs = import_open_clip().get_tokenizer(files.open_clip_name)
    tokenizer = load_tokenizer(files)

    def towers_of(towers: Any) -> Way:
        return lambda text: towers.texts(tokenizer([text]))[0]

    torch_fp32 = TorchTowers(files, device="cpu", precision="fp32", cache_dir=folder)
    model = torch_fp32.model

    def eager(text: str) -> Any:
        with torch.inference_mode():
            return model.encode_text(theirs([text]))[0].numpy()

    found: dict[str, Way] = {"torch fp32, trimmed": towers_of(torch_fp32)}
    low = TorchTowers(files, device="cpu", precision="bf16", cache_dir=folder)
    found["torch bf16, trimmed"] = towers_of(low)
    exported = ExportedTowers(files, "openvino", fingerprint="bench", cache_dir=folder, model=model)
    exported.path("text")
    for precision in ("fp32", "bf16") if has_bf16() else ("fp32",):
        towers = OpenVinoTowers(exported, precision=precision, threads=torch.get_num_threads())
        found[f"openvino {precision}"] = towers_of(towers)
    return found, eager


def main() -> None:
    """Measure in turn and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--arch", default="ViT-B-32")
    parser.add_argument("--texts", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "text_encode.json")
    chosen = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(chosen.threads)  # before torch is imported
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch
    from surroundings import commit, machine

    torch.set_num_threads(chosen.threads)
    texts = queries(chosen.texts)
    with tempfile.TemporaryDirectory() as scratch:
        faster, eager = ways(chosen.arch, Path(scratch))
        every = {"torch fp32, 77 tokens": eager, **faster}
        expected = [eager(text) for text in texts]
        rows: dict[str, list[Any]] = {
            name: [way(text) for text in texts] for name, way in every.items()
        }  # warms each shape, too
        cpu: dict[str, list[float]] = {name: [] for name in every}
        wall: dict[str, list[float]] = {name: [] for name in every}
        for _ in range(chosen.rounds):
            for text in texts:
                for name, way in every.items():
                    began, used = time.perf_counter(), time.process_time()
                    way(text)
                    cpu[name].append(1000 * (time.process_time() - used))
                    wall[name].append(1000 * (time.perf_counter() - began))
    base = statistics.median(cpu["torch fp32, 77 tokens"])
    report: dict[str, Any] = {
        "machine": machine(), "commit": commit(), "arch": chosen.arch, "texts": len(texts),
        "rounds": chosen.rounds, "threads": chosen.threads, "ways": {},
    }  # fmt: skip
    missed = []
    for name in every:
        cosines = [
            float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
            for a, b in zip(rows[name], expected, strict=True)
        ]
        same = sum(a.tobytes() == b.tobytes() for a, b in zip(rows[name], expected, strict=True))
        times = base / statistics.median(cpu[name])
        report["ways"][name] = {
            "cpu_ms": round(statistics.median(cpu[name]), 2),
            "wall_ms": round(statistics.median(wall[name]), 2),
            "times": round(times, 2),
            "least_cosine": round(min(cosines), 6),
            "bit_equal": same,
        }
        print(f"{name:24s} {report['ways'][name]}")
        if times < GOALS.get(name, 0):
            missed.append(f"{name}: {times:.2f} times, and {GOALS[name]} is the goal")
    chosen.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if missed:
        sys.exit("; ".join(missed))


if __name__ == "__main__":
    main()
