"""Small films and PDFs, made here."""

from __future__ import annotations

import io
from collections.abc import Sequence

import av
import numpy as np
from PIL import Image, ImageDraw

Shot = tuple[float, Image.Image]
"""Seconds, and what is seen all that time."""

FPS = 8
SIZE = (160, 120)


def black(size: tuple[int, int] = SIZE) -> Image.Image:
    return Image.new("RGB", size, (3, 3, 3))


def scene(number: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """A picture that is unlike the others: a coloured ground and a block at another place."""
    grounds = ((200, 40, 40), (40, 160, 60), (40, 80, 210), (210, 200, 60), (120, 40, 160))
    image = Image.new("RGB", size, grounds[number % 5])
    step = size[0] // 20
    left, top = step * (1 + 3 * (number % 5)), step * (1 + 2 * (number // 5 % 4))
    ImageDraw.Draw(image).rectangle((left, top, left + 5 * step, top + 4 * step), (240, 240, 240))
    return image


def film(
    shots: Sequence[Shot],
    *,
    form: str = "mp4",
    codec: str = "libx264",
    fps: int = FPS,
    key_every_s: float = 1.0,
    metadata: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
) -> bytes:
    """A film of these shots, with a key frame every so many seconds."""
    out = io.BytesIO()
    with av.open(out, "w", format=form, options=options or {}) as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=fps)
        stream.width, stream.height = shots[0][1].size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.gop_size = max(1, round(key_every_s * fps))
        stream.codec_context.thread_count = 1
        if codec == "libx264":
            stream.codec_context.options = {"sc_threshold": "0", "preset": "ultrafast"}
        for seconds, image in shots:
            pixels = np.asarray(image.convert("RGB"))
            for _ in range(round(seconds * fps)):
                for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                    container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return out.getvalue()


def turned(mp4: bytes) -> bytes:
    """The film as a phone held upright writes it: to be shown turned right by a quarter."""
    unity = b"".join(n.to_bytes(4, "big") for n in (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30))
    minus = (0xFFFF0000).to_bytes(4, "big")
    right = b"".join(
        (0).to_bytes(4, "big") if n == 0 else n.to_bytes(4, "big") if n > 0 else minus
        for n in (0, 1 << 16, 0, -1, 0, 0, 0, 0, 1 << 30)
    )
    header = mp4.index(b"tkhd")
    at = mp4.index(unity, header)
    return mp4[:at] + right + mp4[at + len(unity) :]


def pdf(pages: Sequence[str | None], size: tuple[int, int] = (300, 400)) -> bytes:
    """A PDF with a line of text on each page; ``None``: a page whose object is missing."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>"]
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>")
    objects.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for n, text in enumerate(pages):
        if text is None:
            objects += ["null", "null"]
            continue
        box = f"[0 0 {size[0]} {size[1]}]"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox {box} /Contents {5 + 2 * n} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        shade = 0.2 + 0.15 * (n % 5)
        drawn = (
            f"{shade:.2f} 0.5 {1 - shade:.2f} rg 20 {20 + 10 * n} 120 80 re f "
            f"0 g BT /F1 24 Tf 30 300 Td ({text}) Tj ET"
        )
        objects.append(f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream")
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    end += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    return out + end.encode()
