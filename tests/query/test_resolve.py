"""From what a term names to its vector."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from searchengine.errors import NotFoundError, QueryError, ReadError, UsageError
from searchengine.fetching import Limits
from searchengine.identity import item_id
from searchengine.query.resolve import Access, read_vector, settle, settled_terms
from searchengine.query.terms import Known, Picture, PictureAt, RawVector, Term, VectorAt, Words
from tests.ingest.folders import picture
from tests.web import site


class Nothing:
    """An index in which nothing is."""

    def stat(self, key: str) -> tuple[int, int] | None:
        return None

    def vector(self, key: str) -> tuple[str, np.ndarray]:  # type: ignore[type-arg]
        raise NotFoundError(key)


def test_vectors_in_files(tmp_path: Path) -> None:
    values = (0.5, -1.0, 2.0)
    np.save(tmp_path / "v.npy", np.array([values], np.float32))
    (tmp_path / "v.json").write_text(json.dumps(values))
    for name in ("v.npy", "v.json"):
        assert read_vector(str(tmp_path / name)) == RawVector(values)


@pytest.mark.parametrize(
    "data", [b"", b"[1, 2", b'{"a": 1}', b"[[1, 2], [3, 4]]", b"\x93NUMPY nonsense", b'["a"]']
)
def test_what_is_no_vector(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "v").write_bytes(data)
    with pytest.raises(QueryError):
        read_vector(str(tmp_path / "v"))


def test_no_python_object_is_loaded_from_a_file(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(QueryError, match="no list of numbers"):
        read_vector(str(tmp_path / "v.npy"))


def test_a_vector_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such file"):
        read_vector(str(tmp_path / "v.npy"))


def test_files_can_be_forbidden(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(picture((1, 2, 3)))
    assert isinstance(settle(PictureAt(str(path)), Nothing(), Access()), Picture)
    for what in (PictureAt(str(path)), PictureAt("@-"), VectorAt(str(path))):
        with pytest.raises(QueryError, match="by path"):
            settle(what, Nothing(), Access(files=False))


def test_an_indexed_address_needs_no_network() -> None:
    class Indexed(Nothing):
        def stat(self, key: str) -> tuple[int, int] | None:
            return (5, 0) if key == item_id("https://example.org/a.jpg") else None

    for url in ("https://example.org/a.jpg", "HTTPS://Example.org:443/a.jpg#x"):
        known = settle(PictureAt(url), Indexed(), Access())
        assert known == Known(item_id("https://example.org/a.jpg"))
    for url in ("https://example.org/b.jpg", "https://[/"):
        with pytest.raises(UsageError, match="off by default"):
            settle(PictureAt(url), Indexed(), Access())


def test_an_address_is_fetched_where_that_is_allowed() -> None:
    with site() as web:
        url = web.serve("/a.png", picture((1, 2, 3)))
        near = Access(net=True, limits=Limits(allow_private=True))
        assert settle(PictureAt(url), Nothing(), near) == Picture(picture((1, 2, 3)), url)
        with pytest.raises(ReadError, match=r"127\.0\.0\.1 is an address of this machine"):
            settle(PictureAt(url), Nothing(), Access(net=True))
        assert web.asked == {"/a.png": 1}


def test_terms_of_no_weight_are_not_read() -> None:
    terms = (Term(PictureAt("./nowhere.jpg"), 0), Term(Words("dog"), 2), Term(Known("1" * 32), -1))
    assert settled_terms(terms, Nothing(), Access()) == [(2, Words("dog")), (-1, Known("1" * 32))]
