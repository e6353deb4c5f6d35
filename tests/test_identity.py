"""Uris, ids and hashes: stable, ASCII, one to one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchengine.identity import (
    content_hash,
    display,
    file_uri,
    fragment_uri,
    item_id,
    path_of,
)

if sys.platform == "win32":
    NAMES = st.text("abcäö猫 ()", min_size=1).filter(lambda n: n.strip(" ."))
else:
    NAMES = (
        st.binary(min_size=1, max_size=40)
        .filter(lambda n: b"/" not in n and b"\0" not in n and n not in (b".", b".."))
        .map(os.fsdecode)
    )
ROOT = Path(Path.cwd().anchor)


def test_golden_ids() -> None:
    """Ids are keys in people's databases: they must never change."""
    assert item_id("file:///a/b.jpg") == "4d0fce99e44f3452977695193ddea927"
    assert content_hash(b"") == "cae66941d9efbd404e4d88758ea67670"


@given(NAMES)
def test_uri_round_trip(name: str) -> None:
    path = ROOT / "photos" / name
    uri = file_uri(path)
    assert uri.isascii()
    assert uri.isprintable()
    assert " " not in uri
    assert path_of(uri) == path
    assert path_of(fragment_uri(uri, "row", 3)) == path


@given(NAMES, NAMES)
def test_different_names_have_different_ids(one: str, other: str) -> None:
    ids = [item_id(file_uri(ROOT / name)) for name in (one, other)]
    assert (ids[0] == ids[1]) == (one == other)


@given(NAMES)
def test_display_is_one_printable_line(name: str) -> None:
    shown = display(file_uri(ROOT / name))
    assert shown.isprintable()


def test_display_names_the_part() -> None:
    assert display("file:///a/b%20c.csv#row=3").endswith("b c.csv#row=3")
    assert display("s3://bucket/x.jpg") == "s3://bucket/x.jpg"
    assert path_of("s3://bucket/x.jpg") is None


def test_relative_paths_have_no_uri() -> None:
    with pytest.raises(ValueError, match="relative"):
        file_uri("a/b.jpg")
