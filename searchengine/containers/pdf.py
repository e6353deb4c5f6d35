"""The pages of a PDF, drawn by PDFium through pypdfium2 (the extra ``pdf``).

PDFium is not thread-safe: one thread at a time is in it, all over the process, and
everything it made is closed by the thread that is.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from searchengine.containers.contract import BrokenPart, Part, as_jpeg, shown_size
from searchengine.errors import DecodeError, LimitError, ReadError
from searchengine.extras import missing_extra

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from PIL import Image

MIME = "application/pdf"
_LOCK = threading.Lock()
_MAX_CHARS = 4000
"""Characters of a page's text that are kept."""
_MOST_POINTS = 1e6
_PASSWORD, _SECURITY = 4, 5
"""PDFium's codes for what is encrypted."""


def count_pages(file: BinaryIO) -> int:
    """Return how many pages a PDF has. Raises ``DecodeError`` and ``ReadError``."""
    with _opened(file) as document, _LOCK:
        return len(document)


def read_pages(file: BinaryIO, numbers: Iterable[int]) -> Iterator[Part | BrokenPart]:
    """Yield those pages of a PDF, numbered from 1, that are asked for.

    A page that cannot be drawn is a ``BrokenPart``; what is written on a page is its ``text``.
    Raises ``DecodeError`` and ``ReadError`` where the file is no PDF or is locked by a password.
    """
    with _opened(file) as document:
        for number in numbers:
            try:
                with _LOCK:
                    count = len(document)
                    image, text = _drawn(document, number)
            except (DecodeError, LimitError) as error:
                yield BrokenPart(number, error)
                continue
            yield Part(
                number=number,
                jpeg=as_jpeg(image),
                width=image.width,
                height=image.height,
                mime=MIME,
                text=text,
                meta={"page": number, "pages": count},
            )


def _library() -> Any:
    try:
        import pypdfium2
    except ImportError:
        raise missing_extra("PDFs", "pdf") from None
    return pypdfium2


@contextmanager
def _opened(file: BinaryIO) -> Iterator[Any]:
    """Open a PDF. The lock is held while it is opened and closed, not in between."""
    pdfium = _library()
    try:
        size = file.seek(0, 2)
        file.seek(0)
        with _LOCK:
            document = pdfium.PdfDocument(file)
    except pdfium.PdfiumError as error:
        if not size:
            raise DecodeError("the file is empty (0 bytes)") from None
        raise DecodeError(_why_not(error)) from error
    except OSError as error:
        raise ReadError(f"cannot read: {error.strerror or error}") from error
    try:
        yield document
    finally:
        with _LOCK:
            document.close()


def _why_not(error: Any) -> str:
    if error.err_code in (_PASSWORD, _SECURITY):
        return "the PDF is locked by a password"
    return "damaged PDF, or none: it cannot be opened"


def _drawn(document: Any, number: int) -> tuple[Image.Image, str | None]:
    """Return a page as an RGB picture of its own, and its text. The lock is held."""
    pdfium = _library()
    page = bitmap = words = None
    try:
        page = document[number - 1]
        width, height = page.get_size()
        if not (0 < width < _MOST_POINTS and 0 < height < _MOST_POINTS):
            raise DecodeError(f"page {number} has no size: {width:g} x {height:g} points")
        scale = shown_size(width, height, enlarge=True)[0] / width
        bitmap = page.render(scale=scale)
        image = bitmap.to_pil().convert("RGB").copy()
        words = page.get_textpage()
        text = words.get_text_range(count=min(words.count_chars(), _MAX_CHARS))
    except (pdfium.PdfiumError, IndexError) as error:
        raise DecodeError(f"page {number} is damaged and cannot be drawn") from error
    except MemoryError:
        raise LimitError(f"not enough memory to draw page {number}") from None
    finally:
        for one in (words, bitmap, page):
            if one is not None:
                one.close()
    return image, _clean(text)


def _clean(text: str) -> str | None:
    """Return the text in lines, without what PDFs put between the words."""
    lines = (
        " ".join("".join(c if c.isprintable() else " " for c in line).split())
        for line in text.replace("\ufffe", "").splitlines()
    )
    return "\n".join(line for line in lines if line) or None
