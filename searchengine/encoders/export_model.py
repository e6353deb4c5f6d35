"""A model for others: its towers as ONNX, OpenVINO or TorchScript files, tried before they count.

The folder holds ``image`` and ``text`` towers and ``model.json``, which says what goes in and out.
Pixels are uint8 (n, height, width, 3), RGB: scaling and normalising are inside the image tower.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np

from searchengine.encoders.files import ModelFiles, check_packages, known_files, remember_files
from searchengine.encoders.fingerprint import ModelCard
from searchengine.encoders.hub import fetch_files
from searchengine.encoders.interchange import bank_sample, encode_sample
from searchengine.encoders.names import parse_model
from searchengine.encoders.tokenizers import load_tokenizer
from searchengine.encoders.towers.contract import Rows
from searchengine.encoders.towers.export import INPUT, OUTPUT, TOWERS, export_onnx
from searchengine.encoders.towers.export import export_torchscript as _export_torchscript
from searchengine.encoders.towers.exported import onnx_to_openvino
from searchengine.encoders.towers.onnx_towers import has_onnxruntime, open_session
from searchengine.encoders.towers.openvino_import import has_openvino
from searchengine.encoders.towers.torch_towers import TorchTowers
from searchengine.errors import EncoderError, UnsupportedError, UsageError
from searchengine.ranks import unit

Format = Literal["onnx", "openvino", "torchscript"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
_SUFFIX: Final[dict[Format, str]] = {"onnx": ".onnx", "openvino": ".xml", "torchscript": ".pt"}
_NEAR: Final = 0.9999
"""The least cosine between what a written file gives and what torch gives."""
_AT_ONCE: Final = 8


def export_model(
    name: str, folder: Path, *, form: Format = "onnx", cache_dir: Path | None = None
) -> dict[str, Any]:
    """Write both towers of a model and ``model.json`` into a new folder; return the latter.

    All is written beside the folder first and run against torch on 96 pictures and as many
    captions, so the folder is whole or not there. Raises ``UsageError`` for a folder that holds
    something, ``UnsupportedError`` for a model that has no such form or a runtime that is missing,
    ``EncoderError`` where the files give other vectors, and as ``load_encoder`` does.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there already and not empty", hint="name a new folder")
    _check_runtime(form)
    ref = parse_model(name)
    if str(ref) == "fake":
        raise UnsupportedError("the fake encoder has no towers to export")
    files = known_files(ref, cache_dir=cache_dir) or fetch_files(ref, cache_dir=cache_dir)
    check_packages(ref, files.model_cfg)
    towers = TorchTowers(files, device="cpu", precision="fp32", cache_dir=cache_dir)
    card = files.card(precision="fp32", cache_dir=cache_dir)
    remember_files(files, cache_dir=cache_dir)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    except OSError as error:
        raise UsageError(f"cannot write to {folder.parent}: {error.strerror or error}") from error
    try:
        for tower in TOWERS:
            _write(towers.model, files, tower, form, scratch)
        nearness = _verify(towers, files, form, scratch, cache_dir)
        text = json.dumps(_describe(files, card, form, nearness), indent=2, ensure_ascii=False)
        (scratch / "model.json").write_text(text + "\n", encoding="utf-8")
        scratch.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return dict(json.loads(text))


def _check_runtime(form: Format) -> None:
    if form not in FORMATS:
        raise UnsupportedError(f"format {form!r} is not known", hint=f"use {', '.join(FORMATS)}")
    if form == "openvino" and not has_openvino():
        raise UnsupportedError(
            "OpenVINO is not installed", hint='pip install "crossmodal-searchengine[fast]"'
        )
    if form == "onnx" and not (has_onnxruntime() or has_openvino()):
        raise UnsupportedError(
            "nothing here runs ONNX files, so they could not be tried",
            hint='pip install "crossmodal-searchengine[onnx]"',
        )


def _write(model: Any, files: ModelFiles, tower: Any, form: Format, folder: Path) -> None:
    common = (model, files.preprocess, files.context_length, tower)
    if form == "torchscript":
        _export_torchscript(*common, folder / f"{tower}.pt")
        return
    path = folder / f"{tower}.onnx"
    export_onnx(*common, path)
    if form == "openvino":
        onnx_to_openvino(path, folder / f"{tower}.xml")
        path.unlink()


def _verify(
    towers: TorchTowers, files: ModelFiles, form: Format, folder: Path, cache_dir: Path | None
) -> dict[str, float]:
    """Run the written files on the sample; return the least cosine to torch, by tower."""
    sample = bank_sample(files.preprocess, load_tokenizer(files, cache_dir=cache_dir))
    expected = encode_sample(towers, sample)
    nearness: dict[str, float] = {}
    inputs = (sample.pixels, sample.tokens)
    for tower, rows, given in zip(TOWERS, expected, inputs, strict=True):
        found = _run(folder / f"{tower}{_SUFFIX[form]}", form, given)
        sound = np.linalg.norm(rows, axis=1) > 0
        cosine = float((unit(rows[sound]) * unit(found[sound])).sum(axis=1).min())
        if not cosine >= _NEAR:
            raise EncoderError(
                f"the exported {tower} tower gives other vectors than torch (cosine {cosine:.4f})",
                hint="nothing was written; try another --format",
            )
        nearness[tower] = round(cosine, 6)
    return nearness


def _run(path: Path, form: Format, inputs: Any) -> Rows:
    call: Any
    if form == "torchscript":
        import torch

        module: Any = torch.jit.load(str(path))  # type: ignore[no-untyped-call]

        def call(some: Any) -> Any:
            with torch.inference_mode():
                return module(torch.from_numpy(some)).numpy()
    elif form == "onnx" and has_onnxruntime():
        session = open_session(str(path), 1)

        def call(some: Any) -> Any:
            return session.run(None, {INPUT: some})[0]
    else:
        from searchengine.encoders.towers.openvino_towers import compile_file

        compiled = compile_file(path, "f32", streams=1, threads=1)

        def call(some: Any) -> Any:
            return compiled(some)[0]

    parts = range(0, len(inputs), _AT_ONCE)
    return np.concatenate([call(np.ascontiguousarray(inputs[at : at + _AT_ONCE])) for at in parts])


def _describe(
    files: ModelFiles, card: ModelCard, form: Format, nearness: dict[str, float]
) -> dict[str, Any]:
    from searchengine.encoders.presets import load_presets

    height, width = card.image_size
    licences = {preset.model: preset.licence for preset in load_presets().values()}
    known = licences.get(card.name, "unknown")
    return {
        "model": card.name,
        "fingerprint": card.fingerprint,
        "format": form,
        "dim": card.dim,
        "image": {
            "file": f"image{_SUFFIX[form]}",
            "input": {"name": INPUT, "type": "uint8", "shape": ["n", height, width, 3]},
            "output": {"name": OUTPUT, "type": "float32", "shape": ["n", card.dim]},
            "preprocess": {
                **asdict(files.preprocess),
                "note": "RGB; resize and crop as OpenCLIP does; mean and std are inside the file",
            },
            "least_cosine_to_torch": nearness["image"],
        },
        "text": {
            "file": f"text{_SUFFIX[form]}",
            "input": {"name": INPUT, "type": "int64", "shape": ["n", card.context_length]},
            "output": {"name": OUTPUT, "type": "float32", "shape": ["n", card.dim]},
            "context_length": card.context_length,
            "tokenizer": files.model_cfg["text_cfg"].get("hf_tokenizer_name") or "OpenCLIP's BPE",
            "least_cosine_to_torch": nearness["text"],
        },
        "note": "scale the outputs to unit length; then cosine is the inner product",
        "licence": f"the weights keep their own: {known}. Read it before you pass them on",
    }
