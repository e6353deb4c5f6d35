"""From a wish to towers that run: what is remembered, what is measured now, what is put off."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from searchengine.encoders.choose import (
    Choice,
    Runtime,
    Wish,
    keep_choice,
    known_choice,
    may_have_gpu,
    plain_choice,
)
from searchengine.encoders.files import ModelFiles
from searchengine.encoders.fingerprint import Precision
from searchengine.encoders.interchange import Verdict, bank_sample, compare_rows, encode_sample
from searchengine.encoders.probe import Candidate, probe
from searchengine.encoders.tokenizers import Tokenizer
from searchengine.encoders.towers.adaptive import AdaptiveTowers
from searchengine.encoders.towers.contract import Towers
from searchengine.encoders.towers.exported import ExportedTowers
from searchengine.encoders.towers.onnx_towers import has_onnxruntime
from searchengine.encoders.towers.openvino_import import has_openvino
from searchengine.errors import SearchEngineError, UnsupportedError

_log = logging.getLogger(__name__)


class Opening:
    """One model, one wish."""

    def __init__(
        self,
        files: ModelFiles,
        tokenizer: Tokenizer,
        wish: Wish,
        *,
        fingerprint: str,
        cache_dir: Path | None,
    ) -> None:
        """``fingerprint`` is the model's at fp32."""
        if wish.runtime in ("openvino", "onnx") and wish.device not in ("auto", "cpu"):
            raise UnsupportedError(
                f"{wish.runtime} runs on the CPU here, not on {wish.device!r}",
                hint="use model.runtime=torch for other devices",
            )
        self._files = files
        self._tokenizer = tokenizer
        self._wish = wish
        self._print = fingerprint
        self._cache_dir = cache_dir

    def open(self) -> tuple[Choice, Towers]:
        """Return how the model is run, and it running.

        Raises ``UnsupportedError`` for a wish that cannot be met here, and as loading does.
        """
        plain = plain_choice(self._wish)
        if plain is not None:
            return plain, self._towers(plain.runtime, plain.precision)
        known = known_choice(self._print, self._wish, cache_dir=self._cache_dir)
        if known is not None and self._at_hand(known):
            return known, self._towers(known.runtime, known.precision)
        anything = self._wish.precision == "auto" and self._wish.runtime in ("auto", "torch")
        if anything and self._on_cpu():
            return Choice("torch", "fp32", True), self._adaptive()
        return self._measured()

    # -- who runs it --------------------------------------------------------------------------

    def _towers(self, runtime: Runtime, precision: Precision, model: Any = None) -> Towers:
        if runtime == "torch":
            return self._torch(precision)
        exported = ExportedTowers(
            self._files,
            runtime,
            fingerprint=self._print,
            cache_dir=self._cache_dir,
            model=model,
        )
        towers: Towers
        if runtime == "onnx":
            from searchengine.encoders.towers.onnx_towers import OnnxTowers

            towers = OnnxTowers(exported)
        elif precision == "int8":
            from searchengine.encoders.towers.int8 import Int8Towers

            towers = Int8Towers(exported)
        else:
            from searchengine.encoders.towers.openvino_towers import OpenVinoTowers

            towers = OpenVinoTowers(exported, precision=precision)
        exported.path("image")  # now, where an error still says that the model cannot be loaded
        exported.path("text")
        exported.release()
        return towers

    def _torch(self, precision: Precision) -> Towers:
        from searchengine.encoders.towers.torch_towers import TorchTowers, choose_device

        kind = TorchTowers
        if not self._on_cpu() and choose_device(self._wish.device).type == "cuda":
            from searchengine.encoders.towers.cuda import CudaTowers

            kind = CudaTowers
        return kind(
            self._files, device=self._wish.device, precision=precision, cache_dir=self._cache_dir
        )

    def _at_hand(self, choice: Choice) -> bool:
        """Whether it can be opened at once; nobody who left the choice open waits for an export."""
        if choice.runtime == "torch" or self._wish != Wish(self._wish.device):
            return True
        exported = ExportedTowers(
            self._files, choice.runtime, fingerprint=self._print, cache_dir=self._cache_dir
        )
        return exported.there("image") and exported.there("text")

    def _on_cpu(self) -> bool:
        if self._wish.device == "cpu":
            return True
        if self._wish.device == "auto" and not may_have_gpu():
            return True
        from searchengine.encoders.towers.torch_towers import choose_device

        return bool(choose_device(self._wish.device).type == "cpu")

    # -- what is measured ---------------------------------------------------------------------

    def _adaptive(self) -> Towers:
        """Begin with torch fp32; look for something faster once that has paid."""
        from searchengine.encoders.towers.torch_towers import TorchTowers

        first = self._torch("fp32")
        candidates = self._candidates()
        if not candidates or not isinstance(first, TorchTowers):
            return first
        model = first.model
        parameters = sum(one.numel() for one in model.parameters())

        def look() -> Towers:
            try:
                choice, towers = probe(
                    first,
                    candidates,
                    bank_sample(self._files.preprocess, self._tokenizer),
                    lambda runtime, precision: self._towers(runtime, precision, model),
                )
            except Exception as error:  # whatever it is, the run goes on as it began
                _log.warning("no faster way was found, the attempt failed: %s", error)
                return first
            keep_choice(self._print, self._wish, choice, cache_dir=self._cache_dir)
            return towers

        return AdaptiveTowers(first, look, patience_s=patience_s(parameters))

    def _candidates(self) -> list[Candidate]:
        """Return what may be faster than torch fp32 on this CPU, without exporting twice."""
        if self._wish.runtime == "auto" and has_openvino():
            from searchengine.encoders.towers.openvino_towers import has_bf16

            low: list[Candidate] = [("openvino", "bf16")] if has_bf16() else []
            return [*low, ("openvino", "fp32")]
        candidates: list[Candidate] = [("torch", "bf16")] if _torch_has_bf16() else []
        if self._wish.runtime == "auto" and has_onnxruntime():
            candidates.append(("onnx", "fp32"))
        return candidates

    def _measured(self) -> tuple[Choice, Towers]:
        """Take the first of what was asked for that fits, and remember whether it shares fp32's."""
        reference = self._torch("fp32")
        sample = bank_sample(self._files.preprocess, self._tokenizer)
        expected = encode_sample(reference, sample)
        model = getattr(reference, "model", None) if reference.device == "cpu" else None
        for runtime, precision in self._asked():
            try:
                towers = self._towers(runtime, precision, model)
                verdict = compare_rows(expected, encode_sample(towers, sample))
            except SearchEngineError as error:
                if self._wish.runtime != "auto":
                    raise
                _log.warning("%s cannot run %s: %s", runtime, self._files.ref, error)
                continue
            shares = verdict.interchangeable
            wanted = self._wish.precision != "auto" and precision != "fp32" and not verdict.broken
            if not shares and not wanted:
                _say_apart(runtime, precision, verdict)
                continue
            choice = Choice(runtime, precision, shares, verdict.cosine, verdict.overlap)
            keep_choice(self._print, self._wish, choice, cache_dir=self._cache_dir)
            return choice, towers
        raise UnsupportedError(
            f"{self._wish.runtime} does not give the vectors that torch gives of {self._files.ref}",
            hint="use model.runtime=torch or auto",
        )

    def _asked(self) -> list[Candidate]:
        """Return the ways to meet a wish that names a precision, a runtime, or a GPU."""
        precision: Any = self._wish.precision
        if self._wish.runtime == "openvino":
            from searchengine.encoders.towers.openvino_towers import has_bf16

            if precision != "auto":
                return [("openvino", precision)]
            low: list[Candidate] = [("openvino", "bf16")] if has_bf16() else []
            return [*low, ("openvino", "fp32")]
        if self._wish.runtime == "onnx":
            return [("onnx", "fp32")]
        if precision == "auto":
            return [("torch", "bf16"), ("torch", "fp32")]
        runtimes: list[Runtime] = ["torch"]
        if self._wish.runtime == "auto" and precision == "bf16" and has_openvino():
            from searchengine.encoders.towers.openvino_towers import has_bf16

            if self._on_cpu() and has_bf16():
                runtimes = ["openvino", "torch"]
        return [(runtime, precision) for runtime in runtimes]


def patience_s(parameters: int) -> float:
    """Return about how many seconds looking takes: 20 for a ViT-B-32, 55 for a ViT-L-14."""
    return max(8.0, parameters / 8e6)


def _torch_has_bf16() -> bool:
    import torch

    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _say_apart(runtime: Runtime, precision: Precision, verdict: Verdict) -> None:
    _log.warning(
        "%s %s is not taken: another space than torch at fp32 (%s)", runtime, precision, verdict
    )
