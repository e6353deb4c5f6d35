"""Which picture a row of a captions file means."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from searchengine.evaluate.captions import (
    CaptionRow,
    Matched,
    match_captions,
    stored_captions,
)
from searchengine.identity import file_uri
from searchengine.store.contract import SideInfo
from searchengine.store.memory import MemoryStore
from tests.evaluate.corpora import DIM, fill, item, unit

CAFE = unicodedata.normalize("NFC", "café.jpg")
PATHS = ["/p/a.jpg", "/p/sub/a.jpg", "/p/sub/b c.jpg", "/q/sub/d.jpg", "/p/" + CAFE]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def info(store: MemoryStore) -> SideInfo:
    items = [item(file_uri(path).removeprefix("file://")) for path in PATHS]
    return fill(store, items, unit(np.eye(len(PATHS), DIM)))


def matched(
    store: MemoryStore, info: SideInfo, *files: str, folder: str = "/p"
) -> tuple[dict[str, str], Matched]:
    rows = [CaptionRow(file, (f"of {file}",)) for file in files]
    found = match_captions(store, info, Path(folder), rows)
    paths = {row["id"]: row["uri"] for row in store.scan(info.side, fields=("id", "uri"))}
    of = {line[3:]: paths[one] for one, lines in found.captions.items() for line in lines}
    return of, found


@pytest.mark.parametrize(
    ("name", "folder", "path"),
    [
        ("a.jpg", "/p", "/p/a.jpg"),
        ("a.jpg", "/p/sub", "/p/sub/a.jpg"),
        ("sub/b c.jpg", "/p", "/p/sub/b c.jpg"),
        ("sub\\b c.jpg", "/p", "/p/sub/b c.jpg"),
        ("/p/sub/b c.jpg", "/elsewhere", "/p/sub/b c.jpg"),
        ("file:///p/sub/b%20c.jpg", "/elsewhere", "/p/sub/b c.jpg"),
        ("b c.jpg", "/elsewhere", "/p/sub/b c.jpg"),
        ("./sub/../sub/d.jpg", "/elsewhere", "/q/sub/d.jpg"),
        (unicodedata.normalize("NFD", CAFE), "/elsewhere", "/p/" + CAFE),
    ],
)
def test_a_name_means_a_picture(
    store: MemoryStore, info: SideInfo, name: str, folder: str, path: str
) -> None:
    of, found = matched(store, info, name, folder=folder)
    assert of == {name: file_uri(path)}
    assert (found.missing, found.ambiguous) == ([], [])


def test_what_cannot_be_matched_is_told(store: MemoryStore, info: SideInfo) -> None:
    of, found = matched(store, info, "a.jpg", "no.jpg", "d.jpg", "x.jpg", folder="/elsewhere")
    assert of == {"d.jpg": file_uri("/q/sub/d.jpg")}
    assert found.ambiguous == ["a.jpg"], "two pictures are called so"
    assert found.missing == ["no.jpg", "x.jpg"]


def test_only_whole_names_fit(store: MemoryStore, info: SideInfo) -> None:
    of, found = matched(store, info, "c.jpg", "ub/d.jpg", folder="/elsewhere")
    assert of == {}
    assert found.missing == ["c.jpg", "ub/d.jpg"]


def test_rows_of_one_picture_are_put_together(store: MemoryStore, info: SideInfo) -> None:
    rows = [
        CaptionRow("a.jpg", ("one", "two")),
        CaptionRow("./a.jpg", ("two", "three")),
        CaptionRow("/p/a.jpg", ("four",)),
    ]
    (lines,) = match_captions(store, info, Path("/p"), rows).captions.values()
    assert lines == ("one", "two", "three", "four")


def test_stored_captions_stand_one_a_line(store: MemoryStore) -> None:
    texts = ["one\n two \n\none", None, "three"]
    items = [item(f"/x/{n}.jpg", caption=text) for n, text in enumerate(texts)]
    info = fill(store, items, unit(np.eye(3, DIM)))
    assert stored_captions(store, info) == {items[0].id: ("one", "two"), items[2].id: ("three",)}
