"""Ways from JPEG bytes to the encoder's pixels that ``gpu.py`` puts side by side.

Each is a function over a list of files that returns uint8 (n, h, w, 3): on the host as an array,
or on the device as a tensor. What is not installed is left out by name, never replaced.
"""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from searchengine.encoders.preprocess import Preprocess

_MAX_PIXELS = 178_956_970


@dataclass(frozen=True)
class Decoder:
    """One way."""

    name: str
    decode: Callable[[Sequence[bytes]], Any]
    on_device: bool
    """Whether the pixels come out there."""


def decoders(
    preprocess: Preprocess, transform: Any, device: Any, threads: int
) -> tuple[list[Decoder], dict[str, str]]:
    """Return the ways that work here, and why the others do not."""
    pool = ThreadPoolExecutor(threads, "decode")
    naive = partial(naive_pixels, transform)
    found = [
        Decoder("pillow full + OpenCLIP", partial(_each, pool, naive), False),
        Decoder("scaled, resized on the host", partial(_each, pool, _fast(preprocess)), False),
    ]
    missing: dict[str, str] = {}
    if device.type == "cuda":
        from searchengine.encoders.towers.device_resize import DeviceResize

        resize = DeviceResize(preprocess, device)
        found.append(
            Decoder(
                "scaled on the host, resized on the device",
                partial(_half, pool, preprocess, resize),
                True,
            )
        )
        for name, make in (("nvjpeg (torchvision)", _nvjpeg), ("nvImageCodec", _nvimagecodec)):
            try:
                found.append(Decoder(name, make(resize, device), True))
            except (ImportError, RuntimeError, AttributeError) as error:
                missing[name] = f"{type(error).__name__}: {error}"
    else:
        missing["decoding on the device"] = f"there is none on {device.type}"
    return found, missing


def _each(pool: ThreadPoolExecutor, one: Callable[[bytes], Any], files: Sequence[bytes]) -> Any:
    return np.stack(list(pool.map(one, files)))


def naive_pixels(transform: Any, data: bytes) -> Any:
    """Decode the whole picture and resize it as OpenCLIP does; floats, as a first script has."""
    from PIL import Image

    return transform(Image.open(io.BytesIO(data)).convert("RGB")).numpy()


def _fast(preprocess: Preprocess) -> Callable[[bytes], Any]:
    from searchengine.decode import decode_image

    def one(data: bytes) -> Any:
        decoded = decode_image(data, max_pixels=_MAX_PIXELS, reduction=preprocess.reduction)
        return preprocess(decoded.seen, decoded.reduced_from)

    return one


def _half(
    pool: ThreadPoolExecutor, preprocess: Preprocess, resize: Any, files: Sequence[bytes]
) -> Any:
    import torch

    from searchengine.decode import decode_image

    def one(data: bytes) -> Any:
        decoded = decode_image(data, max_pixels=_MAX_PIXELS, reduction=preprocess.reduction)
        return torch.from_numpy(np.array(decoded.seen)), decoded.reduced_from

    pictures, wholes = zip(*pool.map(one, files), strict=True)
    return resize.mixed(pictures, wholes)


def _nvjpeg(resize: Any, device: Any) -> Callable[[Sequence[bytes]], Any]:
    import torch
    from torchvision.io import ImageReadMode, decode_jpeg

    def decode(files: Sequence[bytes]) -> Any:
        raw = [torch.frombuffer(bytearray(data), dtype=torch.uint8) for data in files]
        pictures = decode_jpeg(raw, mode=ImageReadMode.RGB, device=device)
        return resize.mixed([picture.permute(1, 2, 0) for picture in pictures])

    return decode


def _nvimagecodec(resize: Any, device: Any) -> Callable[[Sequence[bytes]], Any]:
    import torch
    from nvidia import nvimgcodec

    decoder = nvimgcodec.Decoder(device_id=device.index or 0)

    def decode(files: Sequence[bytes]) -> Any:
        return resize.mixed([torch.as_tensor(one, device=device) for one in decoder.decode(files)])

    return decode
