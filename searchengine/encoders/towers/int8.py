"""int8 for the image tower: calibrated and judged on the user's own pictures.

Post-training quantisation of NNCF over OpenVINO (8-bit weights and activations, ``model_type``
transformer: https://docs.openvino.ai, "Basic Quantization Flow"). Some of the pictures give
the ranges; over all of them the neighbours found by int8 are compared with those found by fp32.
Texts are never int8: their cosine to fp32 was 0.987, that of pictures 0.9997.
"""

from __future__ import annotations

import contextlib
import io
import logging
import time
from pathlib import Path
from typing import Final

from searchengine.encoders.contract import Pixels
from searchengine.encoders.towers.exported import ExportedTowers
from searchengine.encoders.towers.openvino_import import import_nncf, import_openvino
from searchengine.encoders.towers.openvino_towers import INT8_STEM, OpenVinoTowers
from searchengine.errors import UnsupportedError
from searchengine.ranks import recall_at

_log = logging.getLogger(__name__)

SAMPLE: Final = 300
"""Pictures to ask for."""
RANGES: Final = 100
"""Of these, spread over the sample, the ranges of activations are taken."""
FEWEST: Final = 100
"""Fewer give neither ranges nor a recall worth the name."""
RECALL: Final = 0.98
"""Recall@10 against fp32, below which int8 is refused."""


class Int8Towers(OpenVinoTowers):
    """Implements ``Towers``: the image tower int8 once calibrated, all else at full precision.

    Before that pictures are encoded at full precision, too: on a machine that
    only asks, a picture asked with is nearer to fp32 than what it is compared with.
    """

    def __init__(self, exported: ExportedTowers, *, threads: int = 0) -> None:
        """``threads`` 0 means one a core. Raises ``UnsupportedError`` without OpenVINO."""
        super().__init__(exported, precision="int8", threads=threads)

    @property
    def sample_wanted(self) -> int:
        """``SAMPLE``, or 0 where the int8 tower is there."""
        return 0 if self._exported.there(INT8_STEM) else SAMPLE

    def calibrate(self, pixels: Pixels) -> None:
        """Make the int8 image tower from uint8 (n, h, w, 3), and judge it.

        Nothing is kept of a tower that loses too much. Raises
        ``UnsupportedError`` for that, and for fewer than ``FEWEST`` pictures.
        """
        if len(pixels) < FEWEST:
            raise UnsupportedError(
                f"int8 is calibrated and checked on at least {FEWEST} of your own pictures, and "
                f"here are {len(pixels)}",
                hint="for so few, model.precision=auto costs seconds",
            )
        began = time.perf_counter()
        expected = OpenVinoTowers(self._exported, precision="fp32").images(pixels)
        ranges = pixels[:: max(1, len(pixels) // RANGES)][:RANGES]
        recalls: list[float] = []

        def write(stem: Path) -> None:
            path = stem.with_name(stem.name + ".xml")
            _quantise(self._exported.path("image"), ranges, path)
            found = OpenVinoTowers(self._exported, precision="int8", image_file=path).images(pixels)
            recalls.append(recall_at(10, expected, found))
            if recalls[0] < RECALL:
                raise UnsupportedError(
                    f"int8 finds {recalls[0]:.1%} of the ten nearest that fp32 finds among "
                    f"{len(pixels)} of your pictures; below {RECALL:.0%} it is not used",
                    hint="use model.precision=auto",
                )

        self._exported.keep(INT8_STEM, write)
        self.reload_images()
        _log.warning(
            "int8 image tower made in %.0f s: recall@10 against fp32 %.3f on %d of your pictures",
            time.perf_counter() - began, recalls[0], len(pixels),
        )  # fmt: skip


def _quantise(source: Path, pixels: Pixels, target: Path) -> None:
    for talker in ("nncf", "torch.utils.cpp_extension"):  # which its import looks for compilers
        logging.getLogger(talker).setLevel(logging.ERROR)
    openvino, nncf = import_openvino(), import_nncf()
    batches = [pixels[start : start + 1] for start in range(len(pixels))]
    with contextlib.redirect_stdout(io.StringIO()):  # its progress bars; stdout is for data
        model = nncf.quantize(
            openvino.Core().read_model(str(source)),
            nncf.Dataset(batches),
            subset_size=len(batches),
            model_type=nncf.ModelType.TRANSFORMER,
        )
    openvino.save_model(model, str(target), compress_to_fp16=False)
