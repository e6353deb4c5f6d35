"""What names mean."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.sources.names import Exclusion, is_junk, stem_of, suffix_of


@pytest.mark.parametrize(
    ("name", "stem", "suffix"),
    [
        ("a.jpg", "a", ".jpg"),
        ("A.B.JPG", "A.B", ".jpg"),
        ("a", "a", ""),
        (".hidden", ".hidden", ""),
        (".hidden.jpg", ".hidden", ".jpg"),
        ("a.", "a", "."),
        ("", "", ""),
    ],
)
def test_stem_and_suffix(name: Any, stem: Any, suffix: Any) -> None:
    assert (stem_of(name), suffix_of(name)) == (stem, suffix)


@given(st.text(st.sampled_from("aB.é"), max_size=8).filter(lambda name: not name.startswith("..")))
def test_stem_and_suffix_are_the_standard_librarys(name: Any) -> None:
    stem, suffix = os.path.splitext(name)  # noqa: PTH122
    assert (stem_of(name), suffix_of(name)) == (stem, suffix.lower())


def test_junk() -> None:
    assert all(map(is_junk, [".git", "._a.jpg", "__MACOSX", "Thumbs.db", "@eaDir", "lost+found"]))
    assert not any(map(is_junk, ["a.jpg", "macosx", "_", "thumbs"]))


def test_exclusion_of_nothing() -> None:
    assert not Exclusion(())("a", "a", "/a")
    assert not Exclusion(("", "/"))("a", "a", "/a")


def test_names_are_matched_whole() -> None:
    excluded = Exclusion(("a*c",))
    assert excluded("abc", "x/abc", "/x/abc")
    assert not excluded("abcd", "x/abcd", "/x/abcd")
    assert excluded("a\nc", "a\nc", "/a\nc")
    assert not excluded("b", "b", "/abc")
