"""From the bytes of a picture to an encoder's pixels, the same way wherever it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from searchengine.decode import Decoded
    from searchengine.encoders.contract import Encoder, Pixels


def prepare_picture(encoder: Encoder, data: bytes, *, max_pixels: int) -> tuple[Decoded, Pixels]:
    """Return the decoded picture and the encoder's uint8 (h, w, 3) input.

    The picture is decoded no larger than the encoder asks for, so what is ``seen``
    may be smaller than its ``size``. What is indexed and what is asked with both
    come this way: equal bytes give equal pixels.

    Raises ``DecodeError`` and ``LimitError``, as ``decode_image`` does.
    """
    from searchengine.decode import decode_image

    decoded = decode_image(data, max_pixels=max_pixels, reduction=encoder.reduction)
    return decoded, encoder.preprocess(decoded.seen, decoded.reduced_from)
