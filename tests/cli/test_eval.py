"""``searchengine eval`` as a command, on pictures of one colour and the fake encoder."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ingest
from searchengine.cli import main
from searchengine.cli.caption_files import read_caption_file
from searchengine.encoders.fake import COLOURS
from searchengine.errors import DecodeError, NotFoundError, ReadError, UsageError
from searchengine.evaluate.captions import CaptionRow
from tests.ingest.folders import picture

Run = Callable[..., tuple[int, str, str]]
SEEN = ("red", "green", "blue", "yellow")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two shades a colour, in a folder a colour."""
    root = tmp_path.resolve() / "photos"
    for name in SEEN:
        (root / name).mkdir(parents=True)
        red, green, blue = COLOURS[name]
        for shade in (0, 4):
            colour = (red - shade, green - shade, blue - shade)
            (root / name / f"{name}{shade}.png").write_bytes(picture(colour, (32, 24)))
    return root


@pytest.fixture
def run(photos: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    address = f"memory:{uuid.uuid4().hex}"
    ingest.index([photos], corpus="colours", model__name="fake", store__uri=address)

    def run_(*arguments: object, corpus: str = "colours") -> tuple[int, str, str]:
        fixed = ["searchengine", "eval", "--corpus", corpus, "--store", address, "-q"]
        monkeypatch.setattr(sys, "argv", [*fixed, *map(str, arguments)])
        capfd.readouterr()
        code = 0
        try:
            main()
        except SystemExit as done:
            code = int(done.code or 0)
        out, err = capfd.readouterr()
        return code, out, err

    return run_


def write(path: Path, *rows: Any) -> Path:
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def good_rows() -> list[dict[str, Any]]:
    return [
        {"file": f"{name}/{name}{shade}.png", "captions": [f"a {name} thing {shade}", name]}
        for name in SEEN
        for shade in (0, 4)
    ]


def test_captions_of_a_file(run: Run, photos: Path) -> None:
    table = write(photos / "later.jsonl", *good_rows())
    code, out, err = run(table, "--json", "--k", "3,1,3")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["captions"] == {
        "source": str(table),
        "pictures": 8,
        "captions": 12,
        "not_in_corpus": 0,
        "ambiguous": 0,
        "bad_rows": 0,
    }
    assert (told["images"], told["k"], told["model"]) == (8, [1, 3], "fake")
    by_task = {one["task"]: one for one in told["tasks"]}
    assert list(by_task) == ["text-to-image", "image-to-text"]
    # Each colour has two pictures and three captions, told apart by the encoder's noise alone.
    for one in by_task.values():
        assert one["metrics"]["success@3"] == 1 > one["metrics"]["success@1"]
    assert [one["recall@3"] for one in told["index_recall"]] == [1, 1]


def test_captions_of_the_corpus(run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, err = run()
    assert (code, out) == (2, "")
    assert "no captions, so nothing says which answers are right" in err
    assert "searchengine eval captions.jsonl" in err
    assert "--classes folder" in err
    write(photos / "captions.jsonl", *good_rows())
    address = sys.argv[sys.argv.index("--store") + 1]
    ingest.index([photos], corpus="colours", model__name="fake", store__uri=address)
    code, out, err = run("--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert (told["captions"]["source"], told["captions"]["captions"]) == ("corpus", 12)


def test_folders_as_classes(run: Run, tmp_path: Path) -> None:
    plot = tmp_path / "plots" / "curve.png"
    code, out, err = run("--classes", "folder", "--plot", plot, "--k", "1,3")
    assert (code, err) == (0, f"plot: {plot}\n")
    assert plot.read_bytes().startswith(b"\x89PNG")
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line}
    assert rows["R@1"] == ["1.0000", "1.0000"]
    assert rows["1-NN"] == ["accuracy", "-", "1.0000"]
    assert rows["P@3"] == ["0.6667", "0.3333"]
    code, out, _ = run("--classes", "folder", "--task", "image-to-image", "--json")
    told = json.loads(out)
    assert [one["task"] for one in told["tasks"]] == ["image-to-image"]
    assert told["classes"] == {"field": "folder", "classes": 4, "unlabelled": 0}
    assert told["captions"] is None
    assert told["index_recall"] == []


def test_one_class_is_worth_a_word(run: Run) -> None:
    code, _, err = run("--classes", "mime")
    assert code == 0
    assert err == "note: all images have one mime, so any answer is right\n"


def test_rows_that_cannot_be_used_are_told_and_left_out(run: Run, photos: Path) -> None:
    table = write(
        photos / "later.jsonl",
        good_rows()[0],
        "no json",
        {"caption": "of nothing"},
        {"file": "green/green0.png"},
        [1],
        {"file": "gone.png", "caption": "away"},
        {"file": "gone.png", "caption": "away again"},
    )
    code, out, err = run(table, "--json")
    assert code == 0
    told = json.loads(out)["captions"]
    assert (told["pictures"], told["bad_rows"], told["not_in_corpus"]) == (1, 4, 1)
    lines = err.splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == ["left out"] * 3
    assert "line 2" in lines[0]
    assert "row 3 names no file" in lines[1]
    assert "row 4 has no caption" in lines[2]
    assert lines[3] == f"4 rows of {table} left out in all"
    assert lines[4] == "1 left out, not in the corpus: gone.png"


def test_none_of_the_files_is_in_the_corpus(run: Run, photos: Path) -> None:
    table = write(photos / "later.jsonl", *({"file": f"{n}.png", "caption": "x"} for n in "abcd"))
    code, out, err = run(table)
    assert (code, out) == (1, "")
    assert "4 left out, not in the corpus: a.png, b.png, c.png, ..." in err
    assert "none of the pictures" in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--k", "0"], 2, "--k must be at least 1, not 0"),
        (["--k", "1,x"], 2, "'1,x' is no list of whole numbers"),
        (["--k", "-3,5"], 2, "--k must be at least 1, not -3"),
        (["--k", "1,20000"], 2, "--k can be 16,000 at most, not 20,000"),
        (["--depth", "0"], 2, "--depth must be at least 1"),
        (["--depth", "20000"], 2, "--depth can be 16,000 at most"),
        (["--sample", "0"], 2, "--sample must be at least 1"),
        (["--plot", "x.svg", "--classes", "folder"], 2, "name a file that ends in .png"),
        (["--plot", "x.png", "--task", "index"], 2, "no curve to plot"),
        (["--task", "image-to-image"], 2, "--classes folder"),
        (["--task", "image-to-text", "--classes", "folder"], 2, "give a captions file"),
        (["--classes", "nosuch"], 2, "there is no field 'nosuch'"),
        (["nosuch.jsonl"], 3, "there is no captions file nosuch.jsonl"),
    ],
)
def test_what_cannot_be_measured(run: Run, arguments: list[str], code: int, message: str) -> None:
    found, out, err = run(*arguments)
    assert (found, out) == (code, "")
    assert message in err
    assert "Traceback" not in err


def test_a_corpus_without_pictures(run: Run, photos: Path, tmp_path: Path) -> None:
    assert run(corpus="nosuch")[0] == 3
    address = sys.argv[sys.argv.index("--store") + 1]
    (tmp_path / "notes.md").write_text("only words")
    ingest.index([tmp_path / "notes.md"], corpus="words", model__name="fake", store__uri=address)
    code, out, err = run(corpus="words")
    assert (code, out) == (3, "")
    assert "corpus 'words' holds no images" in err
    for path in photos.rglob("*.png"):
        path.unlink()
    ingest.index([photos], corpus="colours", model__name="fake", store__uri=address)
    code, out, err = run("--classes", "folder")
    assert (code, out) == (3, "")
    assert "corpus 'colours' holds no images" in err


@pytest.mark.parametrize(
    ("name", "content", "captions"),
    [
        ("a.csv", 'image,text\na.jpg,"x, y"\n', ("x, y",)),
        ("b.csv", 'File,Captions\na.jpg,"[""one"", ""two\\nlines""]"\n', ("one", "two\nlines")),
        ("c.csv", "file,caption\na.jpg,[dog] on grass\n", ("[dog] on grass",)),
        ("d.jsonl", '{"file_name": "a.jpg", "caption": " x "}\n', ("x",)),
        ("e.jsonl", '{"file": "a.jpg", "captions": ["x", "", null, "x", 3]}\n', ("x", "3")),
    ],
)
def test_formats(tmp_path: Path, name: str, content: str, captions: Any) -> None:
    (tmp_path / name).write_text(content)
    read = read_caption_file(str(tmp_path / name))
    assert read.rows == [CaptionRow("a.jpg", captions)]
    assert read.problems == []


def test_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    table = pa.table({"file": ["a.jpg", "b.jpg"], "captions": [["one", "two"], []]})
    pq.write_table(table, tmp_path / "c.parquet")
    read = read_caption_file(str(tmp_path / "c.parquet"))
    assert read.rows == [CaptionRow("a.jpg", ("one", "two"))]
    (problem,) = read.problems
    assert problem.startswith("row 2 has no caption (one of caption, ")


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("a.csv", b"a,b\n1,2\n", DecodeError, "no file column"),
        ("b.csv", b"file,b\n1,2\n", DecodeError, "no caption column"),
        ("c.csv", b"file,caption\nx\n", DecodeError, "row 1 has 1 fields"),
        ("d.jsonl", b"", DecodeError, "it has no rows"),
        ("e.jsonl", b"\xff\xfe\n", DecodeError, "line 1 is no JSON"),
        ("f.parquet", b"junk", DecodeError, "f.parquet: no Parquet file"),
        ("g.txt", b"x", UsageError, "g.txt is no captions file"),
        ("h.jsonl", None, NotFoundError, "there is no captions file"),
        ("i.jsonl", "folder", ReadError, "not a regular file"),
    ],
)
def test_a_file_without_captions(
    tmp_path: Path, name: str, content: Any, error: type[Exception], message: str
) -> None:
    if content == "folder":
        (tmp_path / name).mkdir()
    elif content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=message):
        read_caption_file(str(tmp_path / name))
