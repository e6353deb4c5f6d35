"""What a runtime has to do: pixels and tokens in, rows of numbers out."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from searchengine.encoders.contract import Pixels

Tokens = npt.NDArray[np.int64]
"""(n, context) token ids, as the model's own tokenizer gives them."""
Rows = npt.NDArray[np.float32]
"""(n, dim) as the model gives them: of any length, perhaps not finite."""


@runtime_checkable
class Towers(Protocol):
    """An image tower and a text tower, loaded. Any n will do, none included.

    A row does not depend on its neighbours beyond rounding. Both methods may be
    called from several threads. They raise ``EncoderError`` where the device
    gives up; what the numbers are worth is for the caller to check.
    """

    @property
    def name(self) -> str:
        """For people: runtime, precision and device, such as ``torch fp32 on cpu``."""

    @property
    def runtime(self) -> str:
        """``torch``, ``openvino`` or ``onnx``."""

    @property
    def device(self) -> str:
        """Where it runs, in the runtime's words: ``cpu``, ``cuda:0``, ..."""

    def images(self, pixels: Pixels) -> Rows:
        """Run uint8 (n, h, w, 3); scaling and normalising are the towers' affair."""

    def texts(self, tokens: Tokens) -> Rows:
        """Run int64 (n, context)."""


@runtime_checkable
class NeedsSample(Protocol):
    """Towers whose numbers depend on pictures they have seen before: int8's ranges."""

    @property
    def sample_wanted(self) -> int:
        """How many pictures to show; 0 where the towers are ready."""

    def calibrate(self, pixels: Pixels) -> None:
        """Take uint8 (n, h, w, 3), once. Raises ``UnsupportedError`` where they do not suit."""
