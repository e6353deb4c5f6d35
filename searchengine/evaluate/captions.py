"""Tasks from captions: each finds its picture, and each picture one of its captions."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from searchengine.evaluate.galleries import SideGallery, StoredVectors, TextGallery
from searchengine.evaluate.task import Task
from searchengine.identity import path_of
from searchengine.query.keys import resolve_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from searchengine.evaluate.galleries import TextVectors
    from searchengine.store.contract import SideInfo, Store

Captions = Mapping[str, tuple[str, ...]]
"""Captions by the id of the image they describe."""

_IDS_A_FETCH = 1000


@dataclass(frozen=True, slots=True)
class CaptionRow:
    """One row of a captions file: which picture, and what is said of it."""

    file: str
    captions: tuple[str, ...]


@dataclass(slots=True)
class Matched:
    """Which pictures of a corpus a captions file speaks of."""

    captions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    """Files that are not in the corpus."""
    ambiguous: list[str] = field(default_factory=list)
    """Files whose name fits several pictures of the corpus."""


def stored_captions(store: Store, info: SideInfo) -> Captions:
    """Return the captions that the corpus holds; they are stored one a line."""
    rows = store.scan(info.side, fields=("id", "caption"))
    return {
        row["id"]: tuple(dict.fromkeys(lines))
        for row in rows
        if (lines := [line.strip() for line in (row["caption"] or "").split("\n") if line.strip()])
    }


def match_captions(
    store: Store, info: SideInfo, folder: Path, rows: Sequence[CaptionRow]
) -> Matched:
    """Find the pictures that the rows of a captions file in ``folder`` name.

    A name is a path from the folder, a whole path or a uri. A picture that has been indexed
    elsewhere is found by the end of its path, if only one picture's path ends so.
    """
    ids = {row.file: _id_of(row.file, folder) for row in rows}
    there = set(_existing(store, info, ids.values()))
    elsewhere = {file for file, one in ids.items() if one not in there}
    by_end = _by_end(store, info, elsewhere) if elsewhere else {}
    matched = Matched()
    for row in rows:
        fitting = {ids[row.file]} & there or by_end.get(row.file, set())
        if len(fitting) == 1:
            (one,) = fitting
            both = (*matched.captions.get(one, ()), *row.captions)
            matched.captions[one] = tuple(dict.fromkeys(both))
        else:
            (matched.ambiguous if fitting else matched.missing).append(row.file)
    return matched


def text_to_image(store: Store, info: SideInfo, captions: Captions, texts: TextVectors) -> Task:
    """Return the task in which every distinct caption looks for the pictures that carry it."""
    pictures: dict[str, set[str]] = {}
    for picture, lines in captions.items():
        for line in lines:
            pictures.setdefault(line, set()).add(picture)
    keys = tuple(sorted(pictures))
    return Task(
        name="text-to-image",
        asked="captions",
        searched="images",
        gallery=SideGallery(store, info),
        keys=keys,
        right=tuple(frozenset(pictures[key]) for key in keys),
        vectors=texts,
    )


def image_to_text(store: Store, info: SideInfo, captions: Captions, texts: TextVectors) -> Task:
    """Return the task in which every picture looks for its captions, of which any will do.

    Asked is the corpus's own text side where it holds a text of every picture, with whatever else
    is on it; else all captions are encoded and compared.
    """
    keys = tuple(sorted(picture for picture, lines in captions.items() if lines))
    indexed = _indexed_texts(store, info, captions)
    if indexed is not None:
        gallery, right = indexed
        return Task(
            name="image-to-text",
            asked="images",
            searched="texts",
            gallery=gallery,
            keys=keys,
            right=tuple(frozenset(right[key]) for key in keys),
            vectors=StoredVectors(store, info),
        )
    lines = tuple(dict.fromkeys(line for key in keys for line in captions[key]))
    return Task(
        name="image-to-text",
        asked="images",
        searched="captions",
        gallery=TextGallery(lines, texts(lines)),
        keys=keys,
        right=tuple(frozenset(captions[key]) for key in keys),
        vectors=StoredVectors(store, info),
    )


def _indexed_texts(
    store: Store, info: SideInfo, captions: Captions
) -> tuple[SideGallery, Mapping[str, set[str]]] | None:
    """Return the text side and which of its items speak of each picture, if it knows them all."""
    side = store.describe(replace(info.side, modality="text"))
    if side is None or side.fingerprint != info.fingerprint:
        return None
    speakers: dict[str, set[str]] = {}
    for picture, lines in captions.items():
        for text in (*lines, "\n".join(lines)):  # a row of a table is one text, a caption a line
            speakers.setdefault(text, set()).add(picture)
    right: dict[str, set[str]] = {}
    for row in store.scan(side.side, fields=("id", "caption")):
        for picture in speakers.get((row["caption"] or "").strip(), ()):
            right.setdefault(picture, set()).add(row["id"])
    wanted = {picture for picture, lines in captions.items() if lines}
    return (SideGallery(store, side), right) if wanted <= right.keys() else None


def _existing(store: Store, info: SideInfo, ids: Iterable[str]) -> Iterator[str]:
    left = iter(dict.fromkeys(ids))
    while some := list(islice(left, _IDS_A_FETCH)):
        yield from store.fetch(info.side, some, ("id",))


def _id_of(name: str, folder: Path) -> str:
    return resolve_id(name if "://" in name else str(folder / name.replace("\\", "/")))


def _by_end(store: Store, info: SideInfo, names: set[str]) -> dict[str, set[str]]:
    """Return the ids of the pictures whose path ends in each of the names."""
    ends: dict[str, list[tuple[str, str]]] = {}
    for name in names:
        end = posixpath.normpath(_plain(name.replace("\\", "/")))
        ends.setdefault(posixpath.basename(end), []).append((f"/{end.lstrip('/')}", name))
    found: dict[str, set[str]] = {}
    for row in store.scan(info.side, fields=("id", "uri")):
        path = path_of(row["uri"])
        whole = _plain(unquote(urlsplit(row["uri"]).path) if path is None else path.as_posix())
        for end, name in ends.get(posixpath.basename(whole), ()):
            if f"/{whole}".endswith(end):
                found.setdefault(name, set()).add(row["id"])
    return found


def _plain(path: str) -> str:
    return unicodedata.normalize("NFC", path)
