"""Labels from a command line and from files, and what is no list of labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from searchengine.classify.labels import Label, check_labels, parse_label, read_labels
from searchengine.errors import NotFoundError, QueryError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dress", Label("dress", ("dress",))),
        ("knitwear: a knitted sweater; a cardigan", None),
        (" shoes :  ", Label("shoes", ("shoes",))),
        ("裙子: 一条裙子", Label("裙子", ("一条裙子",))),
        ("time: 16:9 picture", Label("time", ("16:9 picture",))),
    ],
)
def test_one_label(text: str, expected: Label | None) -> None:
    knitted = Label("knitwear", ("a knitted sweater", "a cardigan"))
    assert parse_label(text) == (expected or knitted)


@pytest.mark.parametrize("text", ["", "  ", ": a thing"])
def test_a_label_needs_a_name(text: str) -> None:
    with pytest.raises(QueryError, match="name"):
        parse_label(text)


def test_a_text_file(tmp_path: Path) -> None:
    file = tmp_path / "labels.txt"
    file.write_text("# clothes\ndress\n\nshoes: boots; a pair of shoes\n", encoding="utf-8")
    assert [(one.name, one.prompts) for one in read_labels(file)] == [
        ("dress", ("dress",)),
        ("shoes", ("boots", "a pair of shoes")),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "- dress\n- 'shoes: boots; a pair of shoes'\n",
        "dress: dress\nshoes: boots; a pair of shoes\n",
        "labels:\n  dress:\n  shoes: [boots, a pair of shoes]\n",
        "categories:\n  - name: dress\n  - name: shoes\n    prompts: [boots, a pair of shoes]\n",
        '{"labels": [{"name": "dress"}, {"shoes": ["boots", "a pair of shoes"]}]}',
    ],
)
def test_ways_to_write_the_same_yaml(tmp_path: Path, text: str) -> None:
    file = tmp_path / "labels.yaml"
    file.write_text(text, encoding="utf-8")
    assert [(one.name, one.prompts) for one in read_labels(file)] == [
        ("dress", ("dress",)),
        ("shoes", ("boots", "a pair of shoes")),
    ]


def test_everything_a_label_may_say(tmp_path: Path) -> None:
    file = tmp_path / "labels.yml"
    file.write_text(
        "- name: boats\n  prompts: [a boat]\n  against: [a toy boat]\n  threshold: 0.7\n"
        "  action: hide\n",
        encoding="utf-8",
    )
    assert read_labels(file) == (Label("boats", ("a boat",), ("a toy boat",), 0.7, "hide"),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [b", "no YAML"),
        ("42", "no list"),
        ("- 42", "no label"),
        ("- name: a\n  colour: red", "colour"),
        ("- name: a\n  threshold: high", "threshold"),
        ("- name: a\n  threshold: true", "threshold"),
        ("- name: a\n  threshold: 1.5", "between 0 and 1"),
        ("- name: a\n  threshold: .nan", "between 0 and 1"),
        ("- name: a\n  prompts: [1, 2]", "no texts"),
        ("- name: a\n  prompts: ['']\n  against: 3", "no texts"),
        ("[]", "no labels"),
        ("- a\n- a", "twice"),
    ],
)
def test_what_is_no_list_of_labels(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "labels.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(QueryError, match=said):
        read_labels(file)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="cannot read"):
        read_labels(tmp_path / "nothing.txt")
    with pytest.raises(NotFoundError, match="cannot read"):
        read_labels(tmp_path)
    (tmp_path / "photo.txt").write_bytes(b"\xff\xfe\x00\x12")
    with pytest.raises(QueryError, match="UTF-8"):
        read_labels(tmp_path / "photo.txt")


def test_how_many_are_too_many() -> None:
    with pytest.raises(QueryError, match="too many"):
        check_labels(Label(f"label {n}", ("a",)) for n in range(1_001))
    with pytest.raises(QueryError, match="too many"):
        check_labels([Label("one", tuple(f"text {n}" for n in range(4_001)))])
