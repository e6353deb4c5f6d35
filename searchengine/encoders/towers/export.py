"""A model's towers as ONNX files, for the runtimes that are not torch. Imports torch."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

from searchengine.encoders.preprocess import Preprocess
from searchengine.encoders.seam import first_lines
from searchengine.encoders.towers.short_texts import (
    attention_of_any_length,
    has_plain_attention,
    short_texts,
)
from searchengine.encoders.trimming import EndMark
from searchengine.errors import UnsupportedError

Tower = Literal["image", "text"]
TOWERS: Final[tuple[Tower, ...]] = ("image", "text")
OPSET: Final = 17
INPUT: Final = "input"
OUTPUT: Final = "output"

_MOST_BYTES: Final = 1_900_000_000
"""A protobuf, and so an ONNX file, ends at 2 GiB; beyond lie files beside files."""


def export_onnx(
    model: Any,
    preprocess: Preprocess,
    context_length: int,
    tower: Tower,
    path: Path,
    *,
    mark: EndMark | None = None,
) -> None:
    """Write one tower of OpenCLIP's ``model`` (fp32, on the CPU) as ONNX.

    The image tower takes uint8 (n, h, w, 3) and normalises by itself; the text
    tower int64 (n, context). Both give float32 (n, dim), n being free. With a
    ``mark`` (``encoders/trimming.py``) the length of texts is free, too, where
    the tower is built as most are. Raises ``UnsupportedError`` for towers that
    cannot be written so.
    """
    import torch

    module = tower_module(model, preprocess, tower)
    _check_size(module, tower)
    example = _example(preprocess, context_length, tower)
    free = {0: "n"}
    with contextlib.ExitStack() as meanwhile:
        if tower == "text" and mark is not None and has_plain_attention(model):
            meanwhile.enter_context(attention_of_any_length(model))
            module.encode, free = short_texts(model, mark), {0: "n", 1: "length"}
        meanwhile.enter_context(_exporting())
        try:
            torch.onnx.export(
                module,
                (example,),
                str(path),
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes={INPUT: free, OUTPUT: {0: "n"}},
                opset_version=OPSET,
                dynamo=False,
            )
        except Exception as error:  # whatever torch's exporter trips over
            raise UnsupportedError(
                f"the {tower} tower cannot be exported to ONNX: {first_lines(error)}",
                hint="it runs on torch: model.runtime=torch",
            ) from error


def export_torchscript(
    model: Any, preprocess: Preprocess, context_length: int, tower: Tower, path: Path
) -> None:
    """Write one tower as TorchScript, with the inputs and outputs of ``export_onnx``."""
    import torch

    module = tower_module(model, preprocess, tower)
    with _exporting():
        try:
            trace: Any = torch.jit.trace
            traced = trace(module, _example(preprocess, context_length, tower), check_trace=False)
            save: Any = torch.jit.save
            save(traced, str(path))
        except Exception as error:
            raise UnsupportedError(
                f"the {tower} tower cannot be exported to TorchScript: {first_lines(error)}"
            ) from error


def tower_module(model: Any, preprocess: Preprocess, tower: Tower) -> Any:
    """Return a torch module: one tower, from what ``Towers`` takes to raw rows."""
    import torch

    class Image(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model
            for name in ("mean", "std"):
                values = torch.tensor(getattr(preprocess, name)).view(1, 3, 1, 1)
                self.register_buffer(name, values)

        def forward(self, pixels: Any) -> Any:
            batch = pixels.permute(0, 3, 1, 2).float() / 255
            return self.model.encode_image((batch - self.mean) / self.std)

    class Text(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model
            self.encode = model.encode_text

        def forward(self, tokens: Any) -> Any:
            return self.encode(tokens)

    return (Image() if tower == "image" else Text()).eval()


def _example(preprocess: Preprocess, context_length: int, tower: Tower) -> Any:
    """Two rows: of one, torch takes the number for a constant."""
    import torch

    if tower == "image":
        height, width = preprocess.size
        return torch.randint(0, 256, (2, height, width, 3), dtype=torch.uint8)
    tokens = torch.zeros(2, context_length, dtype=torch.int64)
    tokens[:, 0], tokens[:, 1] = 1, 2
    return tokens


def _check_size(module: Any, tower: Tower) -> None:
    side = getattr(module.model, "visual", None)
    parameters = list(module.parameters()) if side is None else list(side.parameters())
    size = sum(one.numel() for one in parameters) * 4
    if tower == "text" and side is not None:
        size = sum(one.numel() for one in module.parameters()) * 4 - size
    if size > _MOST_BYTES:
        raise UnsupportedError(
            f"the {tower} tower has {size / 1e9:.1f} GB of weights; an ONNX file takes 2",
            hint="it runs on torch: model.runtime=torch",
        )


@contextlib.contextmanager
def _exporting() -> Iterator[None]:
    """Trace plain attention (the fused kernel has no ONNX form), and keep the exporter quiet."""
    import torch

    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            torch.inference_mode(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
