"""Captions beside pictures: sidecars and tables, whole and broken."""

from __future__ import annotations

import csv
import json
import os
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.sources import FolderSource
from ingest.sources.contract import Asset, Skipped
from searchengine.identity import file_uri, path_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.jpg", "in/c.jpg", "in/deep/d.jpg"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return tmp_path.resolve()


def pictures(root: Path) -> dict[str, Asset]:
    """Return the listed pictures by path; nothing else may be listed, and nothing skipped."""
    found = {}
    for one in FolderSource(root):
        assert isinstance(one, Asset), one
        assert one.modality == "image"
        found[path_of(one.uri).relative_to(root).as_posix()] = one
    return found


def captions(root: Path) -> dict[str, str]:
    return {name: asset.caption for name, asset in pictures(root).items() if asset.caption}


def problems(root: Path) -> list[Skipped]:
    return [one for one in FolderSource(root) if isinstance(one, Skipped)]


def write_lines(path: Path, *rows: object) -> None:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


# -- sidecars -------------------------------------------------------------------------------


def test_without_captions(root: Path) -> None:
    asset = pictures(root)["a.jpg"]
    assert (asset.caption, asset.meta) == (None, {})
    assert asset.revision == f"{asset.size}-{asset.mtime_ns}"


def test_a_text_file_of_the_same_stem(root: Path) -> None:
    (root / "a.txt").write_bytes(b"\xef\xbb\xbf  A dog,\nrunning. \n\n")
    assert captions(root) == {"a.jpg": "A dog,\nrunning."}


def test_an_empty_text_file_is_no_caption(root: Path) -> None:
    (root / "a.txt").write_text(" \n")
    assert captions(root) == {}


def test_encodings_that_are_not(root: Path) -> None:
    (root / "a.txt").write_bytes(b"caf\xe9 \x00 noir")
    assert captions(root) == {"a.jpg": "caf\ufffd  noir"}


@pytest.mark.parametrize(
    ("values", "caption", "meta"),
    [
        ({"caption": " A dog. "}, "A dog.", {}),
        ({"captions": ["A dog.", " A dog running.", "A dog."]}, "A dog.\nA dog running.", {}),
        ({"description": "A dog.", "rating": 5}, "A dog.", {"rating": 5}),
        ({"title": "Dog", "description": "A dog."}, "A dog.", {"title": "Dog"}),
        ({"text": "A dog."}, "A dog.", {}),
        ({"Caption": "A dog."}, "A dog.", {}),
        ({"tags": ["x", {"y": None}]}, None, {"tags": ["x", {"y": None}]}),
        ({"caption": None, "n": float("nan")}, None, {"n": None}),
        ({"caption": "[not, json]"}, "[not, json]", {}),
        ({"caption": "\ud800 \x00dog"}, "\ufffd dog", {}),
    ],
)
def test_a_json_file_of_the_same_stem(root: Path, values: Any, caption: Any, meta: Any) -> None:
    (root / "a.json").write_text(json.dumps(values))
    asset = pictures(root)["a.jpg"]
    assert (asset.caption, asset.meta) == (caption, meta)


def test_text_beats_json_beats_table_and_the_columns_are_merged(root: Path) -> None:
    write_lines(root / "captions.jsonl", {"file": "a.jpg", "text": "table", "x": 1, "y": 1})
    assert captions(root) == {"a.jpg": "table"}
    (root / "a.json").write_text('{"caption": "json", "y": 2, "z": 2}')
    assert captions(root) == {"a.jpg": "json"}
    (root / "a.txt").write_text("text")
    asset = pictures(root)["a.jpg"]
    assert (asset.caption, asset.meta) == ("text", {"x": 1, "y": 2, "z": 2})


@pytest.mark.parametrize("data", ["{", "[]", '"text"', "", "[" * 100_000])
def test_a_broken_json_file_is_a_row_and_the_picture_goes_on(root: Path, data: Any) -> None:
    (root / "a.json").write_text(data)
    (row,) = problems(root)
    assert (row.uri, row.reason, row.failed) == (file_uri(root / "a.json"), "undecodable", True)
    assert row.message.isprintable()
    assert sum(isinstance(one, Asset) for one in FolderSource(root)) == 4


def test_a_sidecar_over_the_limit(root: Path) -> None:
    (root / "a.txt").write_text("x" * 101)
    rows = [one for one in FolderSource(root, max_bytes=100) if isinstance(one, Skipped)]
    assert [row.reason for row in rows] == ["too-large"]


def test_two_million_characters(root: Path) -> None:
    (root / "a.txt").write_text("绿" * 2_000_000)
    write_lines(root / "captions.jsonl", {"file": "b.jpg", "caption": "b" * 2_000_000})
    assert {name: len(text) for name, text in captions(root).items()} == {
        "a.jpg": 2_000_000,
        "b.jpg": 2_000_000,
    }


def test_one_text_for_two_pictures(root: Path) -> None:
    (root / "a.png").touch()
    (root / "a.txt").write_text("both")
    assert captions(root) == {"a.jpg": "both", "a.png": "both"}


# -- revisions ------------------------------------------------------------------------------


def test_an_edited_caption_is_a_new_revision(root: Path) -> None:
    def revision() -> Any:
        return pictures(root)["a.jpg"].revision

    seen = [revision()]
    (root / "a.txt").write_text("one")
    seen.append(revision())
    (root / "a.txt").write_text("three")
    seen.append(revision())
    (root / "a.json").write_text("{}")
    seen.append(revision())
    write_lines(root / "captions.jsonl", {"file": "a.jpg", "text": "table"})
    seen.append(revision())
    write_lines(root / "captions.jsonl", {"file": "a.jpg", "text": "other"})
    seen.append(revision())
    write_lines(root / "captions.jsonl", {"file": "a.jpg", "text": "other", "more": 1})
    seen.append(revision())
    assert len(set(seen)) == len(seen)
    assert revision() == seen[-1], "nothing has changed"


def test_a_row_of_another_picture_changes_nothing(root: Path) -> None:
    write_lines(root / "captions.jsonl", {"file": "a.jpg", "text": "A dog."})
    before = pictures(root)["a.jpg"].revision
    write_lines(
        root / "captions.jsonl", {"file": "b.jpg", "text": "x"}, {"text": "A dog.", "file": "a.jpg"}
    )
    assert pictures(root)["a.jpg"].revision == before


# -- tables ---------------------------------------------------------------------------------

ROWS = [
    {"file_name": "a.jpg", "caption": "A dog, running", "rating": 5},
    {"file_name": "in/c.jpg", "caption": '图片 "quoted"\nsecond line', "rating": 3},
    {"file_name": "nowhere.jpg", "caption": "of nothing", "rating": 1},
]


def write_table(folder: Path, kind: str, rows: list[dict[str, object]]) -> Path:
    path = folder / f"captions.{kind}"
    if kind == "jsonl":
        write_lines(path, *rows)
    elif kind == "csv":
        with path.open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_a_table_for_a_folder_and_what_is_below_it(root: Path, kind: Any) -> None:
    write_table(root, kind, ROWS)
    found = pictures(root)
    assert captions(root) == {row["file_name"]: row["caption"] for row in ROWS[:2]}
    assert found["a.jpg"].meta == {"rating": "5" if kind == "csv" else 5}
    assert found["b.jpg"].meta == {}


@pytest.mark.parametrize(
    "column", ["file", "file_name", "filename", "image", "path", "name", "uri", "File_Name "]
)
def test_names_of_the_file_column(root: Path, column: Any) -> None:
    write_lines(root / "captions.jsonl", {column: "a.jpg", "caption": "A dog."})
    assert captions(root) == {"a.jpg": "A dog."}


@pytest.mark.parametrize(
    "column", ["caption", "captions", "text", "title", "description", "sentences"]
)
def test_names_of_the_caption_column(root: Path, column: Any) -> None:
    write_lines(root / "captions.jsonl", {"file": "a.jpg", column: ["A dog.", "Running."]})
    assert captions(root) == {"a.jpg": "A dog.\nRunning."}


@pytest.mark.parametrize(
    "name", ["./in/c.jpg", "in//c.jpg", "in\\c.jpg", " in/c.jpg ", "in/deep/../c.jpg"]
)
def test_spellings_of_a_path(root: Path, name: Any) -> None:
    write_lines(root / "captions.jsonl", {"file": name, "caption": "A dog."})
    assert captions(root) == {"in/c.jpg": "A dog."}


def test_whole_paths_and_uris(root: Path) -> None:
    write_lines(
        root / "captions.jsonl",
        {"file": str(root / "a.jpg"), "caption": "path"},
        {"file": file_uri(root / "in" / "c.jpg"), "caption": "uri"},
        {"file": "/elsewhere/b.jpg", "caption": "neither"},
        {"file": "../b.jpg", "caption": "nor"},
    )
    assert captions(root) == {"a.jpg": "path", "in/c.jpg": "uri"}


def test_composed_and_decomposed_names_are_one(root: Path) -> None:
    (root / "cafe\u0301.jpg").touch()
    write_lines(root / "captions.jsonl", {"file": "caf\u00e9.jpg", "caption": "Coffee."})
    assert list(captions(root).values()) == ["Coffee."]


def test_several_rows_of_one_picture_are_joined(root: Path) -> None:
    write_lines(
        root / "captions.jsonl",
        {"file": "a.jpg", "caption": "A dog.", "x": 1},
        {"file": "a.jpg", "caption": "Running."},
        {"file": "a.jpg", "caption": "A dog.", "y": 2},
        {"file": "a.jpg", "caption": None},
    )
    asset = pictures(root)["a.jpg"]
    assert (asset.caption, asset.meta) == ("A dog.\nRunning.", {"x": 1, "y": 2})


def test_the_nearest_table_that_knows_a_picture_wins(root: Path) -> None:
    write_lines(
        root / "captions.jsonl",
        {"file": "in/c.jpg", "caption": "far"},
        {"file": "in/deep/d.jpg", "caption": "far"},
    )
    write_lines(root / "in" / "captions.jsonl", {"file": "c.jpg", "caption": "near"})
    assert captions(root) == {"in/c.jpg": "near", "in/deep/d.jpg": "far"}


def test_tables_side_by_side_are_one(root: Path) -> None:
    write_lines(root / "captions.jsonl", {"file": "a.jpg", "caption": "from lines"})
    (root / "captions.csv").write_text("file,caption\nb.jpg,from a sheet\n")
    assert captions(root) == {"a.jpg": "from lines", "b.jpg": "from a sheet"}


def test_lists_in_a_csv_field(root: Path) -> None:
    (root / "captions.csv").write_text(
        'file,captions\na.jpg,"[""A dog."", ""Running.""]"\nb.jpg,[1] see there\n'
    )
    assert captions(root) == {"a.jpg": "A dog.\nRunning.", "b.jpg": "[1] see there"}


def test_columns_become_json(root: Path) -> None:
    table = pa.table(
        {
            "file": ["a.jpg"],
            "caption": ["A dog."],
            "day": [date(2024, 6, 1)],
            "at": pa.array([datetime(2024, 6, 1, 12, 30)], pa.timestamp("ns")),
            "score": [float("nan")],
            "huge": pa.array([2**64 - 1], pa.uint64()),
            "list": [[1, 2]],
            "struct": [{"a": 1.5, "b": None}],
            "thumbnail": [b"\xff\xd8"],
            "nested": [{"bytes": b"\xff", "path": "x"}],
        }
    )
    pq.write_table(table, root / "captions.parquet")
    assert pictures(root)["a.jpg"].meta == {
        "day": "2024-06-01",
        "at": "2024-06-01T12:30:00",
        "score": None,
        "huge": str(2**64 - 1),
        "list": [1, 2],
        "struct": {"a": 1.5, "b": None},
    }


def test_malformed_rows_are_rows_in_the_report(root: Path) -> None:
    write_lines(
        root / "captions.jsonl",
        {"file": "a.jpg", "caption": "A dog."},
        "{not json",
        "",
        '["a list"]',
        {"caption": "of no file"},
        {"file": " ", "caption": "of no file"},
        {"file": "b.jpg", "caption": "Two dogs."},
    )
    rows = problems(root)
    uri = file_uri(root / "captions.jsonl")
    assert [row.uri for row in rows] == [f"{uri}#row={n}" for n in (2, 4, 5, 6)]
    assert {(row.reason, row.failed) for row in rows} == {("undecodable", True)}
    assert all(row.message.isprintable() for row in rows)
    found = {path_of(a.uri).name: a.caption for a in FolderSource(root) if isinstance(a, Asset)}
    assert (found["a.jpg"], found["b.jpg"]) == ("A dog.", "Two dogs.")


def test_a_csv_with_rows_of_the_wrong_length(root: Path) -> None:
    (root / "captions.csv").write_text("file,caption\na.jpg,a dog, running\n\nb.jpg,two dogs\nc\n")
    uri = file_uri(root / "captions.csv")
    assert [row.uri for row in problems(root)] == [f"{uri}#row=1", f"{uri}#row=3"]


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("captions.csv", b"a,b\n1,2\n3,4\n", "file_name"),
        ("captions.csv", b"\xff\xfe\0\0", "file_name"),
        ("captions.parquet", b"PAR1 no", "Parquet"),
        ("captions.parquet", b"", "Parquet"),
    ],
)
def test_a_table_that_is_none_is_one_row(root: Path, name: Any, data: Any, says: Any) -> None:
    (root / name).write_bytes(data)
    (row,) = problems(root)
    assert row.uri == file_uri(root / name)
    assert row.reason == "undecodable"
    assert says in row.message
    assert row.message.isprintable()


def test_an_empty_table_is_no_problem(root: Path) -> None:
    (root / "captions.jsonl").touch()
    (root / "captions.csv").write_text("file,caption\n")
    assert captions(root) == {}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no FIFOs")
def test_a_pipe_in_a_tables_place_is_left_alone(root: Path) -> None:
    os.mkfifo(root / "captions.jsonl")
    os.mkfifo(root / "a.txt")
    assert [(row.reason, row.failed) for row in problems(root)] == [("not-a-file", False)] * 2


def test_texts_do_not_read_captions(root: Path) -> None:
    (root / "captions.jsonl").write_text("{broken")
    (root / "a.txt").write_text("a caption, not a text")
    (root / "note.txt").write_text("a text")
    assert [one.caption for one in FolderSource(root, modality="text")] == ["a text"]
