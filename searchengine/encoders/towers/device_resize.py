"""Resizing on the device: the bicubic filter of Pillow as two matrix products a picture.

A separable filter is a matrix from the left and one from the right. For pictures of one size that
is one batched product, on units made for it; the part that the centre crop throws away is never
computed. Weights are Pillow's own (``ImagingPrecompute`` in ``libImaging/Resample.c``: bicubic
with a = -0.5, stretched by the scale where it shrinks, normalised at the borders); Pillow rounds
to whole grey levels between its two passes and this does not, so results differ by a level here
and there.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from searchengine.encoders.preprocess import Preprocess

_SUPPORT = {"bicubic": 2.0, "bilinear": 1.0}
"""Half the width of the filter, in pixels of the larger of the two scales."""
_KEPT = 256
"""Matrices remembered: one a length of a source's side."""


@lru_cache(maxsize=_KEPT)
def resize_matrix(
    source: int, extent: float, resized: int, first: int, count: int, kernel: str
) -> npt.NDArray[np.float32]:
    """Return the weights float32 (count, source) of one axis.

    Row i gives pixel ``first + i`` of a line of ``source`` pixels that is resized to ``resized``.
    The picture ends at ``extent``, which is less than ``source`` where the last pixel of a reduced
    picture reaches beyond its edge.
    """
    scale = extent / resized
    stretch = max(scale, 1.0)
    centres = (np.arange(first, first + count) + 0.5) * scale
    reach = _SUPPORT[kernel] * stretch
    # Pillow looks only at the pixels between these two, and normalises what it finds there.
    low = np.maximum(np.floor(centres - reach + 0.5), 0)
    high = np.minimum(np.floor(centres + reach + 0.5), source)
    places = np.arange(source)
    distances = np.abs((places[None] - centres[:, None] + 0.5) / stretch)
    weights = _bicubic(distances) if kernel == "bicubic" else np.maximum(1 - distances, 0)
    weights *= (places[None] >= low[:, None]) & (places[None] < high[:, None])
    weights /= weights.sum(axis=1, keepdims=True)
    return np.asarray(weights, np.float32)


def _bicubic(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


class DeviceResize:
    """A model's resize and centre crop on a torch device, in batches of one size.

    Takes what ``Preprocess`` takes, decoded: it covers models whose pictures are resized by their
    shortest side or squashed; ``covers`` is false for those that are padded (``longest``).
    """

    def __init__(self, preprocess: Preprocess, device: Any) -> None:
        self._preprocess = preprocess
        self._device = device
        self._matrices: dict[tuple[Any, ...], tuple[Any, Any]] = {}

    @staticmethod
    def covers(preprocess: Preprocess) -> bool:
        """Tell whether such a model's pictures can be resized here."""
        return preprocess.resize_mode != "longest"

    def __call__(self, batch: Any, whole: tuple[int, int] | None = None) -> Any:
        """Resize a uint8 tensor (n, h, w, 3) to uint8 (n, H, W, 3), on the device.

        Every picture of a batch has the same size; ``whole`` is the width and height that they
        were reduced from, as for ``Preprocess``.
        """
        import torch

        rows, columns = self._pair(int(batch.shape[1]), int(batch.shape[2]), whole)
        pixels = batch.to(self._device, non_blocking=True).to(rows.dtype)
        # (H, h) x (n, h, w*3), then (W, w) over the columns of each row.
        n, height, width, _ = pixels.shape
        high = torch.matmul(rows, pixels.reshape(n, height, width * 3))
        wide = torch.matmul(columns, high.view(n * rows.shape[0], width, 3))
        rounded = wide.round_().clamp_(0, 255).to(torch.uint8)
        return rounded.view(n, rows.shape[0], columns.shape[0], 3)

    def mixed(self, pictures: Sequence[Any], wholes: Sequence[tuple[int, int] | None] = ()) -> Any:
        """Resize uint8 tensors (h, w, 3) of any sizes to uint8 (n, H, W, 3), in their order.

        Those of one size go together. ``wholes`` says what each was reduced from.
        """
        import torch

        height, width = self._preprocess.size
        out = torch.empty((len(pictures), height, width, 3), dtype=torch.uint8, device=self._device)
        groups: dict[tuple[Any, ...], list[int]] = {}
        for place, picture in enumerate(pictures):
            whole = wholes[place] if wholes else None
            groups.setdefault((*picture.shape[:2], whole), []).append(place)
        for (*_, whole), places in groups.items():
            moved = [pictures[at].to(self._device, non_blocking=True) for at in places]
            where = torch.tensor(places, device=self._device)
            out[where] = self(torch.stack(moved), whole)
        return out

    def _pair(self, height: int, width: int, whole: tuple[int, int] | None) -> tuple[Any, Any]:
        """Return the matrices of a source size, on the device."""
        found = self._matrices.get((height, width, whole))
        if found is None:
            if len(self._matrices) >= _KEPT:
                self._matrices.clear()
            full_w, full_h = whole or (width, height)
            factor = 1 << math.ceil(math.log2(max(full_w / width, full_h / height)))
            placed, size = self._preprocess.placement(full_h, full_w), self._preprocess.size
            found = (
                self._matrix(height, full_h / factor, placed.height, placed.top, size[0]),
                self._matrix(width, full_w / factor, placed.width, placed.left, size[1]),
            )
            self._matrices[(height, width, whole)] = found
        return found

    def _matrix(self, source: int, extent: float, resized: int, first: int, count: int) -> Any:
        import torch

        weights = resize_matrix(source, extent, resized, first, count, self._preprocess.kernel)
        return torch.from_numpy(weights).to(self._device)
