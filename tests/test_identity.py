"""Uris, ids and hashes: stable, ASCII, one to one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchengine.errors import DecodeError
from searchengine.identity import (
    canonical_url,
    content_hash,
    display,
    file_uri,
    fragment_uri,
    item_id,
    object_uri,
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


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("HTTP://Example.ORG", "http://example.org/"),
        ("https://example.org:443/a b.jpg#part", "https://example.org/a%20b.jpg"),
        ("http://example.org:8080/%41?q=ü&x=%20", "http://example.org:8080/%41?q=%C3%BC&x=%20"),
        ("https://bücher.example/ä", "https://xn--bcher-kva.example/%C3%A4"),
        ("http://[::1]:80/x", "http://[::1]/x"),
        ("http://me:secret@example.org/x", "http://example.org/x"),
    ],
)
def test_addresses_of_the_web(text: str, uri: str) -> None:
    assert canonical_url(text) == uri
    assert canonical_url(uri) == uri


def test_a_login_is_kept_for_fetching_alone() -> None:
    assert canonical_url("http://me:se cret@x.org/y", login=True) == "http://me:se%20cret@x.org/y"


@pytest.mark.parametrize("text", ["", "x", "http://", "http:///x", "http://[x/", "http://x:y/"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(DecodeError, match="no address"):
        canonical_url(text)


def test_keys_of_an_object_store_mean_what_they_say() -> None:
    assert object_uri("S3://bucket/a b%20?#ü.jpg") == "s3://bucket/a%20b%2520%3F%23%C3%BC.jpg"
