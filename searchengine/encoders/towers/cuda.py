"""Towers on a CUDA device: the image tower compiled, captured as graphs, fed while it computes.

Texts go the plain way: a question is one short text, and its tower is small.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from searchengine.encoders.seam import first_lines
from searchengine.encoders.towers.cuda_graphs import GraphedTower
from searchengine.encoders.towers.torch_towers import TorchTowers
from searchengine.errors import EncoderError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from searchengine.encoders.contract import Pixels
    from searchengine.encoders.files import ModelFiles
    from searchengine.encoders.fingerprint import Precision
    from searchengine.encoders.towers.contract import Rows

_log = logging.getLogger(__name__)


class CudaTowers(TorchTowers):
    """Implements ``Towers`` on one CUDA device."""

    def __init__(
        self,
        files: ModelFiles,
        *,
        device: str = "auto",
        precision: Precision,
        cache_dir: Path | None = None,
    ) -> None:
        """Load the model; the first pictures compile it. Raises as ``TorchTowers`` does."""
        super().__init__(files, device=device, precision=precision, cache_dir=cache_dir)
        self._size = files.preprocess.size
        self._graphs: GraphedTower | None = None
        self._preparing = threading.Lock()

    def images(self, pixels: Pixels) -> Rows:
        """Run uint8 (n, h, w, 3) from host memory; float32 (n, dim)."""
        if not len(pixels):
            return np.empty((0, self._dim), np.float32)
        return self._guarded(lambda: self._graphed()(pixels), len(pixels))

    def device_images(self, pixels: Any) -> Rows:
        """Run a uint8 tensor (n, h, w, 3) that is on the device already; float32 (n, dim)."""
        if not len(pixels):
            return np.empty((0, self._dim), np.float32)
        return self._guarded(lambda: self._graphed().from_device(pixels), len(pixels))

    def _graphed(self) -> GraphedTower:
        with self._preparing:
            if self._graphs is None:
                forward = self._compiled(self._forward)
                self._graphs = GraphedTower(forward, self._device, self.images_a_pass)
            return self._graphs

    def _forward(self, batch: Any) -> Any:
        """Normalise uint8 (n, h, w, 3) on the device, and encode. Nothing here looks at values."""
        pixels = batch.permute(0, 3, 1, 2).float() / 255
        pixels = (pixels - self._mean) / self._std
        return self.model.encode_image(pixels.to(self._dtype))

    def _compiled(self, forward: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return the tower compiled, or as it is where there is no compiler (said once)."""
        import torch

        compiled: Callable[[Any], Any] = torch.compile(forward, dynamic=False)
        few = torch.zeros((8, *self._size, 3), dtype=torch.uint8, device=self._device)
        try:
            with torch.inference_mode():
                compiled(few)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # no Triton, no C compiler, an operator it cannot take
            _log.warning(
                "torch.compile does not work here (%s): the image tower runs uncompiled, slower",
                first_lines(error),
            )
            return forward
        return compiled

    def _guarded(self, run: Callable[[], Rows], count: int) -> Rows:
        import torch

        try:
            return run()
        except torch.OutOfMemoryError as error:
            self._graphs = None  # half-captured graphs are of no use
            raise EncoderError(
                f"{self._device} has no memory left for {count} inputs of {self._ref}",
                hint="stop other programs on it, take a smaller model, or use --device cpu",
            ) from error
