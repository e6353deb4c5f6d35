from __future__ import annotations

import math
import string
import subprocess
import sys

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from searchengine.errors import QueryError
from searchengine.query import cursor as module
from searchengine.query.cursor import Position, decode_cursor, encode_cursor

WHOLE = encode_cursor("question", 20, "0123456789abcdef" * 2, 0.25)

finite = st.floats(allow_nan=False, allow_infinity=False)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=64)


@settings(deadline=None)
@given(st.text(), st.integers(0, 2**64 - 1), names, finite)
def test_round_trip(digest: str, given_: int, name: str, score: float) -> None:
    text = encode_cursor(digest, given_, name, score)
    assert set(text) <= set(string.ascii_letters + string.digits + "-_")
    assert decode_cursor(text, digest) == Position(given_, name, score)
    assert decode_cursor(f" {text}\n", digest).given == given_


@settings(deadline=None)
@given(st.text(), st.text())
def test_another_question_is_refused(one: str, other: str) -> None:
    assume(one != other)
    with pytest.raises(QueryError, match="another question") as caught:
        decode_cursor(encode_cursor(one, 1, "a", 0.0), other)
    assert caught.value.hint


@settings(deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.characters(codec="utf-8"))
def test_any_changed_character_is_noticed(at: int, character: str) -> None:
    changed = WHOLE[:at] + character + WHOLE[at + 1 :]
    assume(changed.strip() != WHOLE)
    with pytest.raises(QueryError, match="no cursor") as caught:
        decode_cursor(changed, "question")
    assert caught.value.hint


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_a_truncated_cursor_is_noticed(length: int) -> None:
    with pytest.raises(QueryError, match="no cursor"):
        decode_cursor(WHOLE[:length], "question")


@settings(deadline=None)
@given(st.one_of(st.text(), st.binary().map(lambda data: data.decode("latin-1"))))
def test_garbage(text: str) -> None:
    with pytest.raises(QueryError, match="no cursor"):
        decode_cursor(text, "question")


@pytest.mark.parametrize("text", ["", "A" * 5_000_000, " " * 5_000_000, WHOLE * 2, WHOLE + "=="])
def test_huge_or_padded(text: str) -> None:
    with pytest.raises(QueryError, match="no cursor"):
        decode_cursor(text, "question")


def test_another_version_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_VERSION", 2)
    newer = encode_cursor("question", 20, "a", 0.25)
    monkeypatch.undo()
    with pytest.raises(QueryError, match="version 2"):
        decode_cursor(newer, "question")


@pytest.mark.parametrize(
    ("given_", "name", "score"),
    [(-1, "a", 0.0), (2**64, "a", 0.0), (1, "a", math.nan), (1, "a", math.inf), (1, "a" * 300, 0)],
)
def test_no_position(given_: int, name: str, score: float) -> None:
    with pytest.raises(ValueError, match="no position"):
        encode_cursor("question", given_, name, score)


def test_it_outlives_the_process() -> None:
    script = (
        "from searchengine.query.cursor import encode_cursor;"
        "print(encode_cursor('question', 20, '0123456789abcdef' * 2, 0.25))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == WHOLE
