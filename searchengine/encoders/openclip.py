"""Any OpenCLIP model as an encoder, on torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from searchengine.encoders.contract import Pixels, Vectors
from searchengine.encoders.files import ModelFiles, check_packages, known_files, remember_files
from searchengine.encoders.fingerprint import PRECISIONS, ModelCard, Precision
from searchengine.encoders.hub import fetch_files
from searchengine.encoders.names import ModelRef
from searchengine.encoders.seam import import_open_clip, quiet
from searchengine.encoders.tokens import tokenize
from searchengine.encoders.vectors import unit_rows
from searchengine.errors import EncoderError, ModelUnavailableError, UnsupportedError

if TYPE_CHECKING:
    pass

_IMAGES_A_PASS = 256
_TEXTS_A_PASS = 256
# On a CPU a pass should stay within its caches. MobileNetV2 at 224 px on one core: 112 images/s
# in passes of 4 or 8, 103 of 16, 64 of 32, 50 of 64; ViT-B-32 does not care (9.5 to 9.8).
_IMAGES_A_THREAD = 4


class OpenClipEncoder:
    """An OpenCLIP model, ready to encode. Implements ``Encoder``.

    A row's vector does not depend on its neighbours beyond rounding: the same
    image alone and in a full batch differ by less than 1e-5 in any component
    at fp32. Inputs of any length will do: they go through the model in passes of
    the size that suits the device.
    """

    def __init__(
        self,
        ref: ModelRef,
        *,
        device: str = "auto",
        precision: Precision = "fp32",
        cache_dir: Path | None = None,
    ) -> None:
        """Load the model, fetching it first if need be. For errors see ``load_encoder``."""
        if precision not in PRECISIONS:
            raise UnsupportedError(
                f"precision {precision!r} is not known", hint=f"use {', '.join(PRECISIONS)}"
            )
        files = known_files(ref, cache_dir=cache_dir) or fetch_files(ref, cache_dir=cache_dir)
        self._device = _choose_device(device)
        self._images_a_pass = _images_a_pass(self._device)
        self._model = _load_model(files, precision, self._device)
        self._preprocess = files.preprocess
        self._tokenizer = _load_tokenizer(files, cache_dir)
        self._card = files.card(precision=precision, cache_dir=cache_dir)
        self._mean, self._std, self._dtype = self._input_constants(precision)
        remember_files(files, cache_dir=cache_dir)

    @property
    def card(self) -> ModelCard:
        """What ``describe_model`` says of this model."""
        return self._card

    @property
    def name(self) -> str:
        """The canonical spelling of the model."""
        return self._card.name

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._card.dim

    @property
    def fingerprint(self) -> str:
        """32 hex digits over model, weights, preprocessing and precision."""
        return self._card.fingerprint

    @property
    def device(self) -> str:
        """The torch device in use."""
        return str(self._device)

    @property
    def preprocess(self) -> Any:
        """The model's ``Preprocess``: call it with an RGB image. Pickles without the model."""
        return self._preprocess

    def encode_images(self, pixels: Pixels) -> Vectors:
        """Encode uint8 (n, h, w, 3) to float32 (n, dim).

        Raises ``ValueError`` for pixels of another type or size, ``EncoderError``
        (with ``bad_rows``) when the model gives no vectors.
        """
        height, width = self._card.image_size
        if pixels.dtype != np.uint8 or pixels.shape[1:] != (height, width, 3):
            raise ValueError(
                f"{self.name} takes uint8 (n, {height}, {width}, 3), "
                f"not {pixels.dtype} {pixels.shape}"
            )
        size = self._images_a_pass
        parts = [
            self._run(self._model.encode_image, self._image_input(pixels[start : start + size]))
            for start in range(0, len(pixels), size)
        ]
        return self._vectors(parts, len(pixels), "images")

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode n texts to float32 (n, dim); of long texts the model's context is read.

        Raises ``EncoderError`` (with ``bad_rows``) when the model gives no vectors.
        """
        parts = []
        for start in range(0, len(texts), _TEXTS_A_PASS):
            tokens = tokenize(
                self._tokenizer, texts[start : start + _TEXTS_A_PASS], self._card.context_length
            )
            parts.append(self._run(self._model.encode_text, tokens.to(self._device)))
        return self._vectors(parts, len(texts), "texts")

    def _input_constants(self, precision: Precision) -> tuple[Any, Any, Any]:
        import torch

        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
        mean, std = (
            torch.tensor(values, device=self._device).view(1, 3, 1, 1)
            for values in (self._preprocess.mean, self._preprocess.std)
        )
        return mean, std, dtype

    def _image_input(self, pixels: Pixels) -> Any:
        """Normalise on the device: the bus carries bytes. Same operations as ``ToTensor``."""
        import torch

        if not pixels.flags.writeable:  # torch warns of sharing such memory, and it only reads
            pixels = pixels.copy()
        batch = torch.from_numpy(pixels).to(self._device, non_blocking=True)
        batch = batch.permute(0, 3, 1, 2).float().div_(255)
        return batch.sub_(self._mean).div_(self._std).to(self._dtype)

    def _run(self, tower: Any, batch: Any) -> Any:
        import torch

        try:
            with torch.inference_mode():
                return tower(batch).float().cpu().numpy()
        except torch.OutOfMemoryError as error:
            raise EncoderError(
                f"{self._device} has no memory left for {len(batch)} inputs of {self.name}",
                hint="stop other programs on it, take a smaller model, or use --device cpu",
            ) from error

    def _vectors(self, parts: list[Any], count: int, what: str) -> Vectors:
        raw = np.concatenate(parts) if parts else np.empty((0, self.dim), np.float32)
        return unit_rows(raw, count=count, dim=self.dim, model=self.name, what=what)


def known_tags(architecture: str) -> list[str]:
    """Return the weights OpenCLIP knows for an architecture. Imports torch."""
    tags: list[str] = import_open_clip().list_pretrained_tags_by_model(architecture)
    return tags


def _choose_device(device: str) -> Any:
    import_open_clip()  # explains a torch that does not work
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            device = "cuda"
        else:
            device = "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UnsupportedError(
            f"the device {device!r} cannot be used: {str(error).splitlines()[0]}",
            hint="use auto, cpu, cuda, cuda:1 or mps; `searchengine doctor` shows what is here",
        ) from error
    return chosen


def _images_a_pass(device: Any) -> int:
    import torch

    if device.type != "cpu":
        return _IMAGES_A_PASS
    return max(8, _IMAGES_A_THREAD * torch.get_num_threads())


def _load_model(files: ModelFiles, precision: Precision, device: Any) -> Any:
    """Build the model, then load its weights: so an error says which of the two is wrong."""
    open_clip = import_open_clip()
    check_packages(files.ref, files.model_cfg)
    name = files.ref.name if files.folder is None else f"local-dir:{files.folder}"
    with quiet():
        try:
            model = open_clip.create_model(
                name,
                load_weights=False,
                pretrained_text=False,
                precision=precision,
                device=device,
                force_quick_gelu=bool(files.model_cfg.get("quick_gelu")),
                force_preprocess_cfg=files.preprocess.as_open_clip(),
            )
        except Exception as error:
            raise ModelUnavailableError(
                f"the model {files.ref} cannot be built from its configuration: {_first(error)}",
                hint="it may need a newer one: pip install --upgrade open_clip_torch timm",
            ) from error
        try:
            open_clip.load_checkpoint(model, str(files.weights), strict=True, weights_only=True)
        except Exception as error:
            raise ModelUnavailableError(
                f"the weights {files.weights} cannot be loaded: {_first(error)}",
                hint="the file is damaged, incomplete or of another model: fetch it again",
            ) from error
    return model.eval()


def _load_tokenizer(files: ModelFiles, cache_dir: Path | None) -> Any:
    open_clip = import_open_clip()
    text_cfg = files.model_cfg["text_cfg"]
    name = files.ref.name if files.folder is None else f"local-dir:{files.folder}"
    if files.ref.kind == "hub" and text_cfg.get("hf_tokenizer_name"):
        name = str(files.ref)
    try:
        with quiet():
            return open_clip.get_tokenizer(name, cache_dir=cache_dir)
    except Exception as error:
        raise ModelUnavailableError(
            f"the tokenizer of {files.ref} cannot be loaded: {_first(error)}",
            hint="its files come from the hub on first use; in a local-dir they lie beside the "
            "weights",
        ) from error


def _first(error: Exception) -> str:
    """Return the telling part of a long message of torch's."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:300] or type(error).__name__
