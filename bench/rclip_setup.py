"""Set rclip 3.3 up offline beside this engine: one model of random weights, in the form of each.

::

    python -m venv RV && RV/bin/pip install rclip==3.3.0
    python bench/rclip_setup.py OUT --rclip-python RV/bin/python [--photos FOLDER]

``OUT/model`` is the model as OpenCLIP's local-dir layout has it: ``--model local-dir:OUT/model``
here. ``OUT/rclip`` is rclip's own folder, for ``RCLIP_DATADIR``: the same two towers as ONNX, and
the tokenizer's vocabulary. ViT-B-32-256 is the one model rclip knows; speed does not depend on what
the weights are, so random ones will do, and nothing is fetched. With ``--rclip-python`` both sides
encode one picture and one text, and their vectors have to agree; with ``--photos`` rclip indexes
that folder and answers. Needs ``onnx`` on this side.

Other benches import ``set_up``, ``run_rclip`` and ``fill_rclip``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

MODEL = "ViT-B-32-256"
DIM = 512
_FOLDER = "ViT-B-32-256-datacomp_s34b_b86k"
_VOCABULARY = "bpe_simple_vocab_16e6.txt.gz"
_OPSET = 17
_SEED = 0
_LEAST_COSINE = 0.9999
_TEXT = "a dog on a beach"

_ENCODE = """
import sys, numpy, PIL.Image
from rclip.model import Model
model = Model()
image = model.compute_image_features([PIL.Image.open(sys.argv[1])])
numpy.save(sys.argv[3], numpy.concatenate([image, model.compute_text_features([sys.argv[2]])]))
"""

_FILL = """
import json, sys, numpy
from rclip import db
from rclip.utils import helpers
paths, vectors = json.load(open(sys.argv[1])), numpy.load(sys.argv[2])
database = db.DB(helpers.get_app_datadir() / "db.sqlite3")
for path, vector in zip(paths, vectors):
    database.upsert_image(db.NewImage(
        filepath=path, modified_at=0.0, size=0, vector=vector.tobytes(), hash=None
    ), commit=False)
database.commit()
database.close()
"""


def set_up(out: Path) -> tuple[Path, Path]:
    """Return the folders of the model for this engine and for rclip, made where they are missing.

    Each appears under its name only when it is whole.
    """
    ours, theirs = out / "model", out / "rclip"
    if not (ours.is_dir() and theirs.is_dir()):
        out.mkdir(parents=True, exist_ok=True)
        for folder in (ours, theirs):
            shutil.rmtree(folder, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=out) as scratch:
            model = _random_model()
            _write_ours(model, Path(scratch) / "model")
            _write_theirs(model, Path(scratch) / "rclip")
            (Path(scratch) / "model").rename(ours)
            (Path(scratch) / "rclip").rename(theirs)
    return ours.resolve(), theirs.resolve()


def run_rclip(
    python: Path, data: Path, folder: Path, query: str, *flags: str
) -> tuple[list[str], float]:
    """Run rclip in a photo folder; return the paths it finds, and the seconds the process took.

    It indexes the folder first, unless told ``--no-indexing``. Raises ``RuntimeError`` with what it
    said when it fails.
    """
    command = [str(python), "-m", "rclip", "--filepath-only", *flags, query]
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment(data), capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"rclip failed: {done.stderr[-2000:]}")
    return done.stdout.splitlines(), seconds


def fill_rclip(
    python: Path, data: Path, paths: Sequence[str], vectors: npt.NDArray[np.float32]
) -> None:
    """Put ready vectors, float32 (n, 512), into rclip's index under those absolute paths."""
    with tempfile.TemporaryDirectory() as scratch:
        names, numbers = Path(scratch) / "paths.json", Path(scratch) / "vectors.npy"
        names.write_text(json.dumps(list(paths)), encoding="utf-8")
        np.save(numbers, vectors.astype(np.float32))
        _in_rclip(python, data, _FILL, str(names), str(numbers))


def forget(data: Path) -> None:
    """Remove rclip's index, so that the next run indexes everything again."""
    for path in data.glob("db.sqlite3*"):
        path.unlink()


def environment(data: Path) -> dict[str, str]:
    """Return the environment that rclip runs in: its own folder, and no network."""
    mine = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**mine, "RCLIP_DATADIR": str(data), "HF_HUB_OFFLINE": "1"}


def _random_model() -> Any:
    import open_clip
    import torch

    torch.manual_seed(_SEED)
    return open_clip.create_model(MODEL, pretrained=None).eval()


def _write_ours(model: Any, folder: Path) -> None:
    import open_clip
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    config = {
        "model_cfg": open_clip.get_model_config(MODEL),
        "preprocess_cfg": {
            "mean": list(open_clip.OPENAI_DATASET_MEAN),
            "std": list(open_clip.OPENAI_DATASET_STD),
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")


def _write_theirs(model: Any, data: Path) -> None:
    import open_clip
    import torch

    class Tower(torch.nn.Module):
        """One of the model's methods as a module, which is what can be exported."""

        def __init__(self, method: str) -> None:
            super().__init__()
            self.model = model
            self.method = method

        def forward(self, batch: Any) -> Any:
            return getattr(self.model, self.method)(batch)

    (data / _FOLDER).mkdir(parents=True)
    size = int(open_clip.get_model_config(MODEL)["vision_cfg"]["image_size"])
    towers = {
        "visual": ("encode_image", torch.zeros(2, 3, size, size)),
        "textual": ("encode_text", open_clip.get_tokenizer(MODEL)([_TEXT, _TEXT])),
    }
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # its fused operator has no ONNX form
    try:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the tracer, about shapes that never vary
            for name, (method, example) in towers.items():
                torch.onnx.export(
                    Tower(method),
                    (example,),
                    str(data / _FOLDER / f"{name}.onnx"),
                    input_names=["input"],
                    output_names=["output"],
                    dynamic_axes={"input": {0: "n"}, "output": {0: "n"}},
                    opset_version=_OPSET,
                    dynamo=False,
                )
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    (data / "tokenizer").mkdir()
    vocabulary = Path(open_clip.__file__).parent / _VOCABULARY
    shutil.copyfile(vocabulary, data / "tokenizer" / _VOCABULARY)


def _compare(python: Path, ours: Path, theirs: Path) -> tuple[float, float]:
    """Return the cosines between the two sides' vectors of one picture and of one text."""
    from PIL import Image

    from searchengine.encoders import load_encoder

    with tempfile.TemporaryDirectory() as scratch:
        picture, vectors = Path(scratch) / "picture.png", Path(scratch) / "vectors.npy"
        noise = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((256, 256)).save(picture)
        _in_rclip(python, theirs, _ENCODE, str(picture), _TEXT, str(vectors))
        encoder = load_encoder(f"local-dir:{ours}", precision="fp32", cache_dir=Path(scratch))
        with Image.open(picture) as image:
            pixels = encoder.preprocess(image.convert("RGB"))
        mine = [encoder.encode_images(pixels[None])[0], encoder.encode_texts([_TEXT])[0]]
        cosines = [float(a @ b) for a, b in zip(mine, np.load(vectors), strict=True)]
    return cosines[0], cosines[1]


def _in_rclip(python: Path, data: Path, code: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(python), "-c", code, *arguments],
        env=environment(data),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"rclip failed: {done.stderr[-2000:]}")


def main() -> None:
    """Make both folders, and see that they hold the same model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("out", type=Path, help="where the two folders go")
    parser.add_argument("--rclip-python", type=Path, help="the Python rclip is installed in")
    parser.add_argument("--photos", type=Path, help="a folder for rclip to index and search")
    chosen = parser.parse_args()
    ours, theirs = set_up(chosen.out)
    print(f"--model local-dir:{ours}\nRCLIP_DATADIR={theirs}")
    if chosen.rclip_python is None:
        return
    cosines = _compare(chosen.rclip_python, ours, theirs)
    print("cosine of their vectors to ours: picture {:.6f}, text {:.6f}".format(*cosines))
    if min(cosines) < _LEAST_COSINE:
        sys.exit("the two sides are not the same model")
    if chosen.photos is not None:
        forget(theirs)
        found, seconds = run_rclip(chosen.rclip_python, theirs, chosen.photos, _TEXT)
        print(f"rclip indexed {chosen.photos} in {seconds:.1f} s; its best: {found[0]}")
        forget(theirs)


if __name__ == "__main__":
    main()
