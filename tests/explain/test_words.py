"""A text is cut into words, or characters where no spaces are written; the rest is kept."""

from __future__ import annotations

import numpy as np
import pytest

from searchengine.explain.words import omissions, split_units, unit_moves


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a red boat", ["a", "red", "boat"]),
        ("  a   red,  boat! ", ["a", "red,", "boat!"]),
        ("un café – noir", ["un", "café", "noir"]),
        ("一艘红船", ["一", "艘", "红", "船"]),
        ("红船 and 2 boats", ["红", "船", "and", "2", "boats"]),
        ("红船，蓝天", ["红", "船", "蓝", "天"]),
        ("빨간 배", ["빨간", "배"]),
        ("!!! --", []),
        ("", []),
    ],
)
def test_units(text: str, expected: list[str]) -> None:
    assert [text[unit.start : unit.end] for unit in split_units(text)] == expected


def test_each_word_is_left_out_once() -> None:
    text = "a red boat"
    left = omissions(text, split_units(text))
    assert [one.text for one in left] == ["red boat", "a boat", "a red"]
    assert [one.units for one in left] == [(0,), (1,), (2,)]


def test_chinese_goes_by_characters_and_by_pairs() -> None:
    text = "红船，蓝天"
    left = {one.text: one.units for one in omissions(text, split_units(text))}
    assert left["船，蓝天"] == (0,)
    assert left["，蓝天"] == (0, 1)
    assert left["红船，"] == (2, 3)
    assert (1, 2) not in left.values()  # a comma stands between them


def test_nothing_is_left_of_a_single_word() -> None:
    assert omissions("boat", split_units("boat")) == []
    assert [one.units for one in omissions("红船", split_units("红船"))] == [(0,), (1,)]


def test_a_pair_counts_half_for_each() -> None:
    text = "红船好"
    left = omissions(text, split_units(text))
    assert [one.units for one in left] == [(0,), (1,), (0, 1), (2,), (1, 2)]
    moves = unit_moves(3, left, np.array([0.0, 0.0, 0.4, 0.1, 0.0]))
    assert moves == pytest.approx([0.1, 0.2 / 3, 0.05])


def test_a_unit_never_left_out_has_no_share() -> None:
    assert unit_moves(2, [], np.array([])) == [None, None]
