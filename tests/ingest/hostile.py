"""A folder of everything that has ever stopped an indexing run, each file with what it gets."""

from __future__ import annotations

import io
import os
import socket
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

ORIENTATION = 0x0112
OK, SKIPPED = "ok", "skipped"
UNDECODABLE, TOO_LARGE, UNREADABLE = "undecodable", "too-large", "unreadable"


def write_hostile_files(folder: Path) -> dict[str, str]:
    """Write one of each into an existing folder; return names with what is to become of them.

    ``ok``: indexed; ``skipped``: left alone, no failure; else the reason of the
    failure. The names of the keys are as ``os.listdir`` gives them. What the
    platform has no such thing of (a FIFO on Windows) is left out.
    """
    expected: dict[str, str] = {}

    def put(name: str, data: bytes, outcome: str) -> None:
        (folder / name).write_bytes(data)
        expected[name] = outcome

    whole = encode(photo(), "JPEG", quality=90)
    put("truncated.jpg", whole[: len(whole) // 2], UNDECODABLE)
    png = encode(photo(), "PNG")
    put("truncated.png", png[: len(png) // 2], UNDECODABLE)
    put("text.jpg", b"This is no picture.\n" * 20, UNDECODABLE)
    put("page.png", b"<!doctype html><title>404</title>", UNDECODABLE)
    put("empty.jpg", b"", UNDECODABLE)
    put("bomb-30000x30000.png", png_bomb(30_000, 30_000), TOO_LARGE)
    put("one-by-one.png", encode(photo(1, 1), "PNG"), OK)
    put("ribbon.png", encode(photo(3000, 2), "PNG"), OK)
    put("png-named.jpg", encode(photo(), "PNG"), OK)
    put("cmyk.jpg", encode(photo().convert("CMYK"), "JPEG"), OK)
    put("grey.jpg", encode(photo().convert("L"), "JPEG"), OK)
    put("16-bit.png", encode(sixteen_bits(), "PNG"), OK)
    put("palette-alpha.png", encode(palette_with_alpha(), "PNG", transparency=0), OK)
    put("alpha.png", encode(photo().convert("RGBA"), "PNG"), OK)
    put("animated.gif", animation("GIF"), OK)
    put("animated.webp", animation("WEBP"), OK)
    put("rotated.jpg", encode(photo(), "JPEG", exif=exif_with(orientation=6)), OK)
    put("broken-exif.jpg", encode(photo(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"), OK)
    put("picture.avif", encode(photo(), "AVIF"), OK)
    put("picture.webp", encode(photo(), "WEBP"), OK)
    put("picture.tiff", encode(photo(), "TIFF"), OK)
    put("picture.bmp", encode(photo(), "BMP"), OK)
    put("with spaces and 'quotes\".jpg" if os.name != "nt" else "with spaces.jpg", whole, OK)
    put("图片 🐕.jpg", encode(photo(33, 21), "JPEG"), OK)
    if os.name != "nt":
        put("name with\nnewline.jpg", encode(photo(34, 21), "JPEG"), OK)
        _write_specials(folder, expected)
    return expected


def _write_specials(folder: Path, expected: dict[str, str]) -> None:
    os.mkfifo(folder / "pipe.jpg")
    expected["pipe.jpg"] = SKIPPED
    # Bound by a short relative path: the whole path may be longer than a socket's may be.
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(folder)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("socket.jpg")
    finally:
        os.fchdir(here)
        os.close(here)
    expected["socket.jpg"] = SKIPPED
    (folder / "loop").symlink_to(".", target_is_directory=True)
    expected["loop"] = SKIPPED
    (folder / "dangling.jpg").symlink_to("nowhere.jpg")
    expected["dangling.jpg"] = UNREADABLE
    name = b"not-utf-8-\xe9\xff.jpg"
    try:
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:  # noqa: PTH118, PTH123
            file.write(encode(photo(35, 21), "JPEG"))
    except OSError:  # macOS has no such names
        return
    expected[os.fsdecode(name)] = OK


def photo(width: int = 64, height: int = 48) -> Image.Image:
    """Return a picture in which every pixel differs from the next, so that it does not shrink."""
    rows = np.arange(height, dtype=np.uint32)[:, None]
    columns = np.arange(width, dtype=np.uint32)[None, :]
    planes = [(rows * a + columns * b + rows * columns) % 251 for a, b in ((7, 3), (1, 5), (11, 2))]
    return Image.fromarray(np.stack(planes, axis=-1).astype(np.uint8))


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return the image as a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif_with(*, orientation: int) -> Image.Exif:
    """Return EXIF that says how the camera was held."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


def sixteen_bits() -> Image.Image:
    """Return a grey ramp over all of 0 to 65,535, 256 x 4."""
    ramp = (np.arange(256, dtype=np.uint16) * 257)[None, :].repeat(4, axis=0)
    return Image.fromarray(ramp)


def palette_with_alpha() -> Image.Image:
    """Return a palette picture: the left half colour 0 (to be made clear), the right half red."""
    image = Image.new("P", (16, 8), 0)
    image.putpalette([0, 0, 255, 255, 0, 0])
    image.paste(1, (8, 0, 16, 8))
    return image


def animation(kind: str) -> bytes:
    """Return three frames: red, green, blue."""
    frames = [Image.new("RGB", (24, 16), colour) for colour in ("red", "lime", "blue")]
    options: dict[str, object] = {"lossless": True} if kind == "WEBP" else {}
    return encode(frames[0], kind, save_all=True, append_images=frames[1:], duration=100, **options)


def png_bomb(width: int, height: int) -> bytes:
    """Return a small file that claims, truthfully, to be a huge black picture (8-bit grey)."""
    rows_a_block = 256
    blocks, rest = divmod(height, rows_a_block)
    # A block that ends in a full flush depends on nothing before it, so it can be repeated.
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = deflate.compress(bytes((width + 1) * rows_a_block)) + deflate.flush(zlib.Z_FULL_FLUSH)
    last = deflate.compress(bytes((width + 1) * rest)) + deflate.flush()
    adler = ((width + 1) * height % 65_521) << 16 | 1  # of that many zeros
    body = b"\x78\xda" + block * blocks + last + struct.pack(">I", adler)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
