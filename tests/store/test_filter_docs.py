"""The page on filters: what it shows is accepted, and what is accepted is on it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from searchengine.errors import FilterError
from searchengine.store.fields import BY_NAME
from searchengine.store.filters import filter_from_json, filter_to_json, parse_filter
from searchengine.store.filters.jsonform import _OPS
from searchengine.store.filters.lexer import KEYWORDS
from searchengine.store.filters.places import METRES

PAGE = (Path(__file__).parents[2] / "docs" / "filters.md").read_text(encoding="utf-8")


def test_its_commands_hold_filters() -> None:
    commands = re.findall(r"^searchengine .*--filter.*$", PAGE, re.MULTILINE)
    assert len(commands) >= 4
    for command in commands:
        words = shlex.split(command)
        parse_filter(words[words.index("--filter") + 1])


def test_its_table_holds_filters() -> None:
    table = PAGE[PAGE.index("| test | true for |") : PAGE.index("**Fields:**")]
    shown = re.findall(r"`([^`]+)`", table)
    fields = (*BY_NAME, "within", "gps", "true", "false")
    filters = [code for code in shown if re.split(r"\W", code)[0] in fields]
    for code in filters:
        parse_filter(code)
    assert len(filters) >= 10


def test_its_json_is_a_filter() -> None:
    [block] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    data = json.loads(block)
    assert filter_to_json(filter_from_json(data)) == data


def test_its_error_is_the_one_that_is_given() -> None:
    [(message, text, caret)] = re.findall(r"error: (.*)\n    (.*)\n( *\^)\n```", PAGE)
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    assert str(caught.value) == message
    assert caught.value.hint.splitlines() == [f"  {text}", caret[2:]]


@pytest.mark.parametrize(
    "word", sorted({*KEYWORDS, *_OPS, *METRES, *BY_NAME, "within", "gps"} - {"meta", "null"})
)
def test_every_word_is_on_the_page(word: str) -> None:
    assert f"`{word}`" in PAGE or f" {word} " in PAGE
