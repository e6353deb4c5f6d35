"""Towers on torch: every model OpenCLIP can build, on every device torch knows."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from searchengine.encoders.architectures import open_clip_version
from searchengine.encoders.contract import Pixels
from searchengine.encoders.files import ModelFiles
from searchengine.encoders.fingerprint import Precision
from searchengine.encoders.memory import recall_check, remember_check
from searchengine.encoders.seam import first_lines, import_open_clip, quiet
from searchengine.encoders.towers.contract import Rows, Tokens
from searchengine.encoders.towers.short_texts import checked_short_texts, short_texts
from searchengine.encoders.trimming import EndMark, end_mark, padded, passes
from searchengine.errors import EncoderError, ModelUnavailableError, UnsupportedError

_log = logging.getLogger(__name__)
_IMAGES_A_PASS = 256
_TEXTS_A_PASS = 256
_TEXTS_CHECKED = 4
# On a CPU a pass should stay within its caches. MobileNetV2 at 224 px on one core: 112 images/s
# in passes of 4 or 8, 103 of 16, 64 of 32, 50 of 64; ViT-B-32 does not care (9.5 to 9.8).
_IMAGES_A_THREAD = 4


class TorchTowers:
    """Implements ``Towers`` on one torch device."""

    runtime = "torch"

    def __init__(
        self,
        files: ModelFiles,
        *,
        device: str = "auto",
        precision: Precision,
        cache_dir: Path | None = None,
    ) -> None:
        """Load the model. Raises ``UnsupportedError`` for the device, ``ModelUnavailableError``."""
        self._device = choose_device(device)
        self._ref = files.ref
        self._dim = int(files.model_cfg["embed_dim"])
        self._precision = precision
        self.model = load_model(files, precision, self._device)
        """OpenCLIP's, in evaluation mode."""
        self.images_a_pass = _images_a_pass(self._device)
        self._mean, self._std, self._dtype = self._input_constants(files, precision)
        self._mark = end_mark(files.model_cfg)
        self._short: Callable[[Any], Any] | None = None
        self._check = _name_check(files, precision, self._device)
        self._cache_dir = cache_dir

    @property
    def name(self) -> str:
        """Such as ``torch fp32 on cpu``."""
        return f"torch {self._precision} on {self._device}"

    @property
    def device(self) -> str:
        """The torch device in use."""
        return str(self._device)

    def images(self, pixels: Pixels) -> Rows:
        """Run uint8 (n, h, w, 3) in passes that suit the device; float32 (n, dim)."""
        size = self.images_a_pass
        return self._stack(
            [
                self._run(self.model.encode_image, self._image_input(pixels[start : start + size]))
                for start in range(0, len(pixels), size)
            ]
        )

    def texts(self, tokens: Tokens) -> Rows:
        """Run int64 (n, context), each text as far as it counts; float32 (n, dim)."""
        import torch

        encode, mark = self._text_tower(tokens)
        rows = np.empty((len(tokens), self._dim), np.float32)
        for places, some in passes(tokens, mark, _TEXTS_A_PASS):
            rows[places] = self._run(encode, torch.from_numpy(some).to(self._device))
        return rows

    def _text_tower(self, tokens: Tokens) -> tuple[Callable[[Any], Any], EndMark | None]:
        """Return what encodes texts, and where they end for it.

        That a tower may be read in part is a matter of its configuration. The first texts are
        read both ways to see that this OpenCLIP agrees, once for these versions and settings.
        """
        whole = self.model.encode_text
        if self._mark is None or not len(tokens):
            return whole, None
        if self._short is None:
            length = padded(int(self._mark.lengths(tokens[:_TEXTS_CHECKED]).max()), tokens.shape[1])
            if length == tokens.shape[1]:
                return whole, None  # nothing to see by these
            self._short = self._checked_short(tokens[:_TEXTS_CHECKED], length)
            if self._short is None:
                self._mark = None
                return whole, None
        return self._short, self._mark

    def _checked_short(self, tokens: Tokens, length: int) -> Callable[[Any], Any] | None:
        import torch

        assert self._mark is not None
        passed = recall_check(self._check, cache_dir=self._cache_dir)
        if passed is not None:
            return short_texts(self.model, self._mark) if passed else None
        some = torch.from_numpy(tokens).to(self._device)
        short = checked_short_texts(self.model, self._mark, some, length, self._precision)
        if short is None:
            _log.warning("%s reads texts whole: cut at their end they differ", self._ref)
        remember_check(self._check, short is not None, cache_dir=self._cache_dir)
        return short

    def _input_constants(self, files: ModelFiles, precision: Precision) -> tuple[Any, Any, Any]:
        import torch

        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
        mean, std = (
            torch.tensor(values, device=self._device).view(1, 3, 1, 1)
            for values in (files.preprocess.mean, files.preprocess.std)
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

    def _run(self, tower: Callable[[Any], Any], batch: Any) -> Any:
        import torch

        try:
            with torch.inference_mode():
                return tower(batch).float().cpu().numpy()
        except torch.OutOfMemoryError as error:
            raise EncoderError(
                f"{self._device} has no memory left for {len(batch)} inputs of {self._ref}",
                hint="stop other programs on it, take a smaller model, or use --device cpu",
            ) from error

    def _stack(self, parts: list[Any]) -> Rows:
        return np.concatenate(parts) if parts else np.empty((0, self._dim), np.float32)


def choose_device(device: str) -> Any:
    """Return the ``torch.device`` meant; ``auto`` is CUDA, then Apple's MPS, then the CPU.

    Raises ``UnsupportedError`` for one that is not here.
    """
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


def load_model(files: ModelFiles, precision: Precision, device: Any) -> Any:
    """Return OpenCLIP's model in evaluation mode: built, then its weights loaded.

    Built first, so that ``ModelUnavailableError`` says which of the two is wrong.
    """
    open_clip = import_open_clip()
    with quiet():
        try:
            model = open_clip.create_model(
                files.open_clip_name,
                load_weights=False,
                pretrained_text=False,
                precision=precision,
                device=device,
                force_quick_gelu=bool(files.model_cfg.get("quick_gelu")),
                force_preprocess_cfg=files.preprocess.as_open_clip(),
            )
        except Exception as error:
            raise ModelUnavailableError(
                f"the model {files.ref} cannot be built from its configuration: "
                f"{first_lines(error)}",
                hint="it may need a newer one: pip install --upgrade open_clip_torch timm",
            ) from error
        try:
            open_clip.load_checkpoint(model, str(files.weights), strict=True, weights_only=True)
        except Exception as error:
            raise ModelUnavailableError(
                f"the weights {files.weights} cannot be loaded: {first_lines(error)}",
                hint="the file is damaged, incomplete or of another model: fetch it again",
            ) from error
    return model.eval()


def _name_check(files: ModelFiles, precision: Precision, device: Any) -> str:
    """Name the check of ``short_texts`` by all that it depends on; weights do not matter to it."""
    import torch

    config = json.dumps(files.model_cfg, sort_keys=True, default=str).encode()
    text_tower = hashlib.blake2b(config, digest_size=8).hexdigest()
    versions = f"open_clip {open_clip_version()}, torch {torch.__version__}"
    return f"short texts, keys apart: {text_tower}, {precision} on {device.type}, {versions}"


def _images_a_pass(device: Any) -> int:
    import torch

    if device.type != "cpu":
        return _IMAGES_A_PASS
    return max(8, _IMAGES_A_THREAD * torch.get_num_threads())
