"""Pages of PDFs: drawn, read, refused; from many threads."""

from __future__ import annotations

import io
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from searchengine.containers.contract import BrokenPart, Part
from searchengine.containers.pdf import count_pages, read_pages
from searchengine.errors import DecodeError
from tests.container_files import pdf


def pages(data: bytes, *numbers: int) -> list[Part]:
    found = list(read_pages(io.BytesIO(data), numbers))
    assert all(isinstance(one, Part) for one in found)
    return [one for one in found if isinstance(one, Part)]


def test_pages_are_drawn_with_what_is_written_on_them() -> None:
    data = pdf(["A red bicycle", "Two boats"])
    assert count_pages(io.BytesIO(data)) == 2
    second, first = pages(data, 2, 1)
    assert (first.number, first.text, first.meta) == (1, "A red bicycle", {"page": 1, "pages": 2})
    assert (second.number, second.text) == (2, "Two boats")
    picture = Image.open(io.BytesIO(first.jpeg))
    assert picture.size == (first.width, first.height) == (512, 683)
    assert picture.getpixel((500, 5)) == (255, 255, 255)
    assert picture.getpixel((100, 600)) != (255, 255, 255), "the block at the bottom left"


def test_a_page_is_drawn_alike_every_time() -> None:
    data = pdf(["one", "two", "three"])
    assert pages(data, 3)[0] == pages(data, 1, 2, 3)[2]


@pytest.mark.parametrize("size", [(30, 3000), (14_400, 14_400), (3, 3)])
def test_odd_sizes_stay_within_bounds(size: tuple[int, int]) -> None:
    (page,) = pages(pdf(["x"], size), 1)
    assert max(page.width, page.height) <= 2048
    assert min(page.width, page.height) >= 1
    assert min(page.width, page.height) <= 512


def test_a_damaged_page_is_told_and_the_others_go_on() -> None:
    found = list(read_pages(io.BytesIO(pdf(["one", None, "three"])), [1, 2, 3, 9]))
    assert [type(one) for one in found] == [Part, BrokenPart, Part, BrokenPart]
    assert isinstance(found[1], BrokenPart)
    assert "page 2 is damaged" in str(found[1].error)


def test_what_is_no_pdf_or_locked_is_refused() -> None:
    whole = pdf(["one", "two"])
    for data in (b"", b"%PDF-1.4", b"\xff\xd8\xff\xe0" + b"\0" * 99, whole[:300]):
        with pytest.raises(DecodeError, match=r"empty|damaged PDF, or none"):
            count_pages(io.BytesIO(data))
    lock = b"/Encrypt << /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P -4 >> /ID [<00><00>] "
    locked = whole.replace(b"/Root 1 0 R", lock % (b"41" * 32, b"42" * 32) + b"/Root 1 0 R")
    with pytest.raises(DecodeError, match="locked by a password"):
        count_pages(io.BytesIO(locked))


def test_many_threads_draw_what_one_draws() -> None:
    documents = [pdf([f"document {n} page {p}" for p in range(3)]) for n in range(4)]
    alone = [pages(data, 1, 2, 3) for data in documents]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda data: pages(data, 1, 2, 3), documents * 3))
    assert together == alone * 3


def test_without_the_extra_the_error_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    with pytest.raises(DecodeError, match=r"pip install 'crossmodal-searchengine\[pdf\]'"):
        count_pages(io.BytesIO(b"%PDF-1.4"))
