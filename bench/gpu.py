"""What a GPU does: images a second for four models, encode-only and end to end, with the floors.

::

    python bench/gpu.py [--seconds 440] [--models ViT-B-32 ...] [--out bench/results/gpu.json]
    python bench/gpu.py --small --device cpu        # the same code on a CPU, in a minute

Needs torch (with CUDA), open_clip_torch and pillow; uses simplejpeg, torchvision's nvJPEG and
nvImageCodec where they are installed, and names what is not. Random weights: speed does not depend
on them, and no hub is asked. JPEGs of 0.75 and 12 megapixels are made first, in memory and on disk.

What is reported: the floors (the rate of an 8192-cubed bf16 product on random data, pinned
host-to-device bandwidth, each way of decoding alone), encode-only (uint8 in host memory to
vectors in host memory) with its share of the matrix rate, end to end from bytes and from files
with each way of decoding, and the naive loop (whole decode, OpenCLIP's preprocessing, one image a
pass in fp32). Every measurement has a share of ``--seconds``; what no time was left for is listed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from gpu_decode import Decoder, decoders
from sample_photos import make_photos
from surroundings import commit

HERE = Path(__file__).parent
MODELS = ("ViT-B-32", "ViT-B-16", "ViT-L-14", "ViT-B-16-SigLIP2")
_TINY = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 512, "width": 32, "heads": 2, "layers": 1},
}


@dataclass
class Clock:
    """How much of the time there is has gone."""

    seconds: float
    began: float = field(default_factory=time.perf_counter)
    left_out: list[str] = field(default_factory=list)

    @property
    def left(self) -> float:
        return self.seconds - (time.perf_counter() - self.began)

    def allows(self, name: str, seconds: float) -> bool:
        """Tell whether so long a measurement still fits; note it if not."""
        if self.left < seconds:
            self.left_out.append(name)
            return False
        return True


@contextmanager
def noted(result: dict[str, Any], key: str) -> Iterator[None]:
    """Keep going when one measurement fails: what failed is in the table, with the reason."""
    try:
        yield
    except Exception as error:  # a driver, a missing kernel, no memory: anything
        result[key] = f"failed: {type(error).__name__}: {str(error)[:200]}"
        print(f"  {key}: {result[key]}")


def rate(run: Callable[[], int], seconds: float) -> float:
    """Return units a second, the median of rounds within ``seconds`` after one to warm up."""
    run()
    rates: list[float] = []
    began = time.perf_counter()
    while len(rates) < 3 or (time.perf_counter() - began < seconds and len(rates) < 50):
        start = time.perf_counter()
        units = run()
        rates.append(units / (time.perf_counter() - start))
        if time.perf_counter() - began > 3 * seconds:
            break
    return statistics.median(rates)


def measure_floors(device: Any, small: bool) -> dict[str, float]:
    """Return the matrix rate (TFLOP/s, bf16) and the bus (GB/s)."""
    import torch

    size = 512 if small else 8192
    left, right = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))

    def product() -> int:
        for _ in range(1 if small else 10):
            torch.matmul(left, right)
        finish(device)
        return 1 if small else 10

    found = {"matrix_tflops": rate(product, 1.0) * 2 * size**3 / 1e12}
    if device.type == "cuda":
        host = torch.empty(1 << 28, dtype=torch.uint8, pin_memory=True)
        there = torch.empty_like(host, device=device)

        def copy() -> int:
            there.copy_(host, non_blocking=True)
            finish(device)
            return len(host)

        found["bus_gb_s"] = rate(copy, 1.0) / 1e9
    return found


def finish(device: Any) -> None:
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Model:
    """One architecture with random weights, as the product runs it and as a first script does."""

    def __init__(self, name: str, device: Any, scratch: Path) -> None:
        import open_clip
        import torch
        from safetensors.torch import save_file

        from searchengine.encoders import load_encoder

        folder = scratch / name
        folder.mkdir()
        config = _TINY if name == "tiny" else open_clip.get_model_config(name)
        text: dict[str, Any] = {**config["text_cfg"]}
        text.pop("hf_tokenizer_name", None)  # words are not asked here, and its files are not
        config = {**config, "text_cfg": text}
        torch.manual_seed(0)
        (folder / "open_clip_config.json").write_text(
            json.dumps({"model_cfg": config, "preprocess_cfg": {}})
        )
        made = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
        weights = {key: value.clone() for key, value in made.state_dict().items()}
        save_file(weights, folder / "open_clip_model.safetensors")
        self.name = name
        self.naive, _, self.transform = open_clip.create_model_and_transforms(
            f"local-dir:{folder}", device=device
        )
        self.naive.eval()
        precision = "bf16" if device.type == "cuda" else "fp32"
        self.encoder: Any = load_encoder(
            f"local-dir:{folder}", device=str(device), precision=precision, cache_dir=scratch
        )
        self.device = device

    def flops(self) -> float:
        """Return the operations of one image, by torch's own count."""
        import torch
        from torch.utils.flop_counter import FlopCounterMode

        height, width = self.encoder.preprocess.size
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            self.naive.encode_image(torch.zeros(1, 3, height, width, device=self.device))
        return float(counter.get_total_flops())

    def naive_rate(self, files: Sequence[bytes], seconds: float) -> float:
        """Whole decode, OpenCLIP's preprocessing, one image a pass, fp32."""
        import torch
        from gpu_decode import naive_pixels

        def some() -> int:
            with torch.inference_mode():
                for data in files[:8]:
                    pixels = torch.from_numpy(naive_pixels(self.transform, data))[None]
                    self.naive.encode_image(pixels.to(self.device), normalize=True).cpu()
            return min(8, len(files))

        return rate(some, seconds)


def measure_model(
    model: Model, photos: dict[str, list[Path]], clock: Clock, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Return the figures of one architecture."""
    result: dict[str, Any] = {"gflops_an_image": model.flops() / 1e9}
    height, width = model.encoder.preprocess.size
    size = arguments.batch
    pixels = np.random.default_rng(0).integers(0, 256, (size, height, width, 3), dtype=np.uint8)
    with noted(result, "encode_only"):
        result["encode_only"] = rate(
            lambda: len(model.encoder.encode_images(pixels)), arguments.each
        )
        print(f"  encode only {result['encode_only']:10.0f} images/s")
    ways, missing = decoders(
        model.encoder.preprocess, model.transform, model.device, arguments.threads
    )
    result["not_here"] = missing
    for kind, paths in photos.items():
        files = [path.read_bytes() for path in paths]
        result[kind] = {}
        if not clock.allows(f"{model.name} {kind}", 4 * arguments.each):
            continue
        with noted(result[kind], "naive"):
            result[kind]["naive"] = model.naive_rate(files, arguments.each)
            print(f"  {kind}: naive loop {result[kind]['naive']:10.1f} images/s")
        for way in ways:
            if way.name.startswith("pillow"):
                continue  # that is the naive loop's
            for source in ("memory", "disk"):
                name = f"{way.name}, from {source}"
                if clock.allows(f"{model.name} {kind} {name}", 3 * arguments.each):
                    with noted(result[kind], name):
                        result[kind][name] = end_to_end(
                            model, way, paths if source == "disk" else files, arguments
                        )
                        print(f"  {kind}: {name:55} {result[kind][name]:10.1f} images/s")
    return result


def end_to_end(
    model: Model, way: Decoder, files: Sequence[Any], arguments: argparse.Namespace
) -> float:
    """Return images a second from bytes (or paths) to vectors in host memory.

    The next chunk is read and decoded while one is encoded.
    """
    chunk = arguments.batch

    def prepared(at: int) -> Any:
        some = [files[(at + step) % len(files)] for step in range(chunk)]
        return way.decode([one.read_bytes() if isinstance(one, Path) else one for one in some])

    def run() -> int:
        count = 2 if arguments.small else 8
        with ThreadPoolExecutor(2, "ahead") as pool:
            waiting = [pool.submit(prepared, turn * chunk) for turn in range(2)]
            for turn in range(2, count + 2):
                pixels = waiting.pop(0).result()
                if turn < count:
                    waiting.append(pool.submit(prepared, turn * chunk))
                encode(model, pixels)
        return count * chunk

    return rate(run, arguments.each)


def encode(model: Model, pixels: Any) -> Any:
    """Encode host pixels, or pixels that are on the device already."""
    if isinstance(pixels, np.ndarray):
        return model.encoder.encode_images(pixels)
    return model.encoder.towers.device_images(pixels)


def measure_decoding(
    model: Model, photos: dict[str, list[Path]], clock: Clock, arguments: argparse.Namespace
) -> dict[str, dict[str, Any]]:
    """Return images a second of each way of decoding, without any encoder."""
    ways, _ = decoders(model.encoder.preprocess, model.transform, model.device, arguments.threads)
    found: dict[str, dict[str, Any]] = {}
    for kind, paths in photos.items():
        files = [path.read_bytes() for path in paths]
        found[kind] = {}
        for way in ways:
            if not clock.allows(f"decode {kind} {way.name}", 2 * arguments.each):
                continue

            def run(way: Decoder = way, files: Sequence[bytes] = files) -> int:
                count = min(len(files), 64)
                way.decode(files[:count])
                finish(model.device)
                return count

            with noted(found[kind], way.name):
                found[kind][way.name] = rate(run, arguments.each)
                print(f"  {kind}: {way.name:50} {found[kind][way.name]:10.1f} images/s")
    return found


def add_shares(result: dict[str, Any]) -> None:
    """Say how near each model comes to what bounds it."""
    peak = result["floors"]["matrix_tflops"]
    for model in result["models"].values():
        if not isinstance(model, dict):
            continue  # it failed, and says so
        if isinstance(model.get("encode_only"), float):
            used = model["encode_only"] * model["gflops_an_image"] / 1e3
            model["matrix_share"] = used / peak
        for kind, decoding in result["decoding"].items():
            ends = [rate for name, rate in model.get(kind, {}).items() if "from" in name]
            rates = [one for one in ends if isinstance(one, float)]
            bounds = [one for one in decoding.values() if isinstance(one, float)]
            if rates and bounds and isinstance(model.get("encode_only"), float):
                floor = min(max(bounds), model["encode_only"])
                model[kind]["floor"] = floor
                model[kind]["share_of_floor"] = max(rates) / floor
            if rates and isinstance(model[kind].get("naive"), float):
                model[kind]["against_naive"] = max(rates) / model[kind]["naive"]


def machine(device: Any) -> dict[str, Any]:
    import torch

    about = {
        "torch": torch.__version__,
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "device": str(device),
    }
    if device.type == "cuda":
        about["device"] = torch.cuda.get_device_name(device)
        about["cuda"] = torch.version.cuda
    about["commit"] = commit()
    return about


def main() -> None:
    """Measure, print, keep."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=440, help="for everything")
    parser.add_argument("--each", type=float, default=3.0, help="seconds a measurement")
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--small", action="store_true", help="a tiny model and few pictures")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "gpu.json")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    if arguments.small:
        arguments.models, arguments.batch, arguments.each = ["tiny"], 8, 0.1
    counts = {"0.75 MP": 4, "12 MP": 1} if arguments.small else {"0.75 MP": 96, "12 MP": 24}
    clock = Clock(arguments.seconds)
    result: dict[str, Any] = {"machine": machine(device), "models": {}}
    print(json.dumps(result["machine"]))
    result["floors"] = measure_floors(device, arguments.small)
    print(json.dumps(result["floors"]))
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        photos = {
            kind: sorted(make_photos(scratch / kind, count, float(kind.split()[0])).iterdir())
            for kind, count in counts.items()
        }
        for name in arguments.models:
            if not clock.allows(name, 10 * arguments.each):
                continue
            print(name)
            with noted(result["models"], name):
                model = Model(name, device, scratch)
                if "decoding" not in result:
                    result["decoding"] = measure_decoding(model, photos, clock, arguments)
                result["models"][name] = measure_model(model, photos, clock, arguments)
    add_shares(result)
    result["left_out"] = clock.left_out
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"{clock.seconds - clock.left:.0f} s; written to {arguments.out}")


if __name__ == "__main__":
    main()
