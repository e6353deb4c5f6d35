"""Texts in files: paragraphs and rows."""

from __future__ import annotations

import csv
import json
import os
import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.sources import FolderSource
from ingest.sources.contract import Asset, Scope, Skipped
from ingest.sources.texts import MAX_CHARS, split_paragraph
from searchengine.identity import file_uri


def texts(root: Path) -> dict[str, str]:
    """Return the texts by the fragment of their uri; nothing may be skipped."""
    found = {}
    for one in FolderSource(root):
        assert isinstance(one, Asset), one
        assert one.modality == "text"
        found[one.uri.split("#")[1]] = one.caption
    return found


def rows(root: Path) -> list[tuple[str, str]]:
    return [
        (one.uri.split("/")[-1], one.reason)
        for one in FolderSource(root)
        if isinstance(one, Skipped)
    ]


# -- prose ----------------------------------------------------------------------------------


def test_a_text_asset(tmp_path: Path) -> None:
    file = tmp_path / "notes.md"
    file.write_text("# Dogs\n\nThey bark.\n")
    os.utime(file, ns=(5, 5))
    second = list(FolderSource(tmp_path))[1]
    assert second == Asset(
        uri=file_uri(file.resolve()) + "#paragraph=2",
        modality="text",
        revision=second.revision,
        size=10,
        mtime_ns=5,
        caption="They bark.",
        folder=str(tmp_path.resolve()),
    )
    assert len(second.revision) == 32


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", {}),
        (b" \n\n \t\n", {}),
        (b"One.", {"paragraph=1": "One."}),
        (
            b"One,\nstill one.\n \nTwo.\n\n\n\nThree.",
            {1: "One,\nstill one.", 2: "Two.", 3: "Three."},
        ),
        (b"One.\r\n\r\nTwo.\rStill two.", {1: "One.", 2: "Two.\nStill two."}),
        (b"\xef\xbb\xbfOne.", {1: "One."}),
        (b"caf\xe9 \xff\xfe", {1: "caf\ufffd \ufffd\ufffd"}),
        (b"One\0 two.", {1: "One two."}),
        (b"One.\n\n---\n\n***\n\nTwo.", {1: "One.", 4: "Two."}),
        ("一。\n\n二。".encode(), {1: "一。", 2: "二。"}),
    ],
)
def test_paragraphs(tmp_path: Path, data: Any, expected: Any) -> None:
    (tmp_path / "notes.txt").write_bytes(data)
    named = {n if isinstance(n, str) else f"paragraph={n}": text for n, text in expected.items()}
    assert texts(tmp_path) == named


def test_a_long_paragraph_is_split_at_sentences(tmp_path: Path) -> None:
    sentences = [f"This is sentence number {n} of a paragraph that goes on." for n in range(50)]
    (tmp_path / "notes.txt").write_text("Short.\n\n" + " ".join(sentences) + "\n\nLast.")
    found = texts(tmp_path)
    assert list(found) == [
        "paragraph=1",
        "paragraph=2.1",
        "paragraph=2.2",
        "paragraph=2.3",
        "paragraph=3",
    ]
    parts = list(found.values())[1:-1]
    assert " ".join(parts) == " ".join(sentences)
    assert all(part.endswith("goes on.") and len(part) <= MAX_CHARS for part in parts)
    assert all(len(part) > MAX_CHARS - 60 for part in parts[:-1])


def test_chinese_sentences_have_no_spaces_between() -> None:
    sentence = "这是一个关于狗的句子。"
    parts = split_paragraph(sentence * 200)
    assert "".join(parts) == sentence * 200
    assert all(part.endswith("。") and len(part) <= MAX_CHARS for part in parts)


@given(st.text(st.sampled_from('ab .。!\n"”'), max_size=300), st.integers(1, 20))
def test_splitting_loses_nothing_but_space(text: Any, limit: Any) -> None:
    parts = split_paragraph(text, limit)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(0 < len(part) <= limit and part == part.strip() for part in parts)


def test_a_paragraph_without_end_is_not_held(tmp_path: Path) -> None:
    line = "word " * 200 + "\n"
    with (tmp_path / "notes.txt").open("w") as file:
        for _ in range(3000):
            file.write(line)
    list(FolderSource(Path(__file__).parent))
    tracemalloc.start()
    words = sum(len(one.caption.split()) for one in FolderSource(tmp_path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert words == 3000 * 200
    assert peak < 2_000_000, "of three million bytes"


def test_touching_a_file_changes_no_revision_and_editing_changes_one(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("One.\n\nTwo.")
    before = {one.uri: one.revision for one in FolderSource(tmp_path)}
    os.utime(file, ns=(7, 7))
    assert {one.uri: one.revision for one in FolderSource(tmp_path)} == before
    file.write_text("One.\n\nTwo, edited.")
    after = {one.uri: one.revision for one in FolderSource(tmp_path)}
    assert [uri.split("=")[-1] for uri in before if before[uri] != after[uri]] == ["2"]


# -- tables ---------------------------------------------------------------------------------


def write_table(folder: Path, kind: str, rows: list[dict[str, object]]) -> Path:
    path = folder / f"corpus.{kind}"
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif kind == "csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=2)
    return path


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_a_row_is_an_item(tmp_path: Path, kind: Any) -> None:
    write_table(
        tmp_path,
        kind,
        [
            {"text": "A dog.", "year": 2001},
            {"text": "", "year": 2002},
            {"text": "两只狗，\n\n跑。", "year": 2003},
        ],
    )
    assert texts(tmp_path) == {"row=1": "A dog.", "row=3": "两只狗，\n\n跑。"}
    meta = [one.meta for one in FolderSource(tmp_path)]
    assert (
        meta == [{"year": "2001"}, {"year": "2003"}]
        if kind == "csv"
        else [{"year": 2001}, {"year": 2003}]
    )


def test_editing_one_row_changes_only_its_revision(tmp_path: Path) -> None:
    rows = [{"text": f"text {n}", "n": n} for n in range(5)]

    def revisions() -> Any:
        write_table(tmp_path, "jsonl", rows)
        return [one.revision for one in FolderSource(tmp_path)]

    first = revisions()
    rows[2]["text"] = "edited"
    rows[4]["n"] = "edited"
    changed = [old != new for old, new in zip(first, revisions(), strict=True)]
    assert changed == [False, False, True, False, True]


def test_lines_that_are_none_are_rows_and_the_rest_carries_on(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_bytes(
        b'\xef\xbb\xbf{"text": "one"}\n{broken\n\n[]\n{"body": "no text column"}\n'
        b'{"text": "caf\xe9"}\n' + b"[" * 100_000 + b'\n{"text": ' + b"9" * 5000 + b"}\n"
        b'{"text": null}\n{"text": "last"}'
    )
    assert rows(tmp_path) == [(f"corpus.jsonl#row={n}", "undecodable") for n in (2, 4, 5, 7, 8)]
    found = [one.caption for one in FolderSource(tmp_path) if isinstance(one, Asset)]
    assert found == ["one", "caf\ufffd", "last"]


def test_csv_oddities(tmp_path: Path) -> None:
    (tmp_path / "corpus.csv").write_bytes(
        b'\xef\xbb\xbftitle,text\nOne,"a ""quoted"" text"\n\nTwo,too,many\nThree\n'
        b"Four,nul\0 byte\nFive," + b"x" * 300_000 + b"\n"
    )
    assert rows(tmp_path) == [(f"corpus.csv#row={n}", "undecodable") for n in (2, 3)]
    found = [one for one in FolderSource(tmp_path) if isinstance(one, Asset)]
    assert [one.caption for one in found] == ['a "quoted" text', "nul byte", "x" * 300_000]
    assert [one.meta for one in found] == [{"title": "One"}, {"title": "Four"}, {"title": "Five"}]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", b"x,y\n1,2\n"),
        ("a.parquet", b"no parquet"),
        ("a.parquet", b""),
    ],
)
def test_a_table_without_texts_is_one_row_and_is_not_pruned(
    tmp_path: Path, name: Any, data: Any
) -> None:
    (tmp_path / name).write_bytes(data)
    (tmp_path / "b.txt").write_text("A text.")
    source = FolderSource(tmp_path)
    assert [type(one) for one in source] == [Skipped, Asset]
    prefix = file_uri(tmp_path.resolve()) + "/"
    assert source.scopes == (Scope(prefix, except_prefixes=(f"{prefix}{name}#",)),)


def test_a_parquet_file_that_breaks_off(tmp_path: Path) -> None:
    path = write_table(tmp_path, "parquet", [{"text": f"text {n} " * 200} for n in range(6000)])
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 20_000] = bytes(20_000)
    path.write_bytes(data)
    source = FolderSource(tmp_path)
    kinds = [type(one) for one in source]
    assert kinds[-1] is Skipped
    assert kinds.count(Skipped) == 1
    assert len(source.scopes[0].except_prefixes) == 1


def test_a_parquet_without_columns_or_rows(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), tmp_path / "a.parquet")
    assert texts(tmp_path) == {}


def test_a_file_that_cannot_be_read_is_not_pruned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("A text.")

    def deny(*_: object) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", deny)
    source = FolderSource(tmp_path)
    assert [type(one) for one in source] == [Skipped]
    assert source.scopes[0].except_prefixes == (file_uri(tmp_path.resolve()) + "/a.txt#",)


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_tables_are_streamed(tmp_path: Path, kind: Any) -> None:
    write_table(tmp_path, kind, [{"text": f"text {n} " + "x" * 300} for n in range(10_000)])
    stream = iter(FolderSource(tmp_path))
    next(stream)
    tracemalloc.start()
    count = sum(1 for _ in stream)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 9_999
    assert peak < 1_500_000, "of three million characters"


def test_a_line_beyond_reason_is_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.sources.tables._MAX_LINE", 1000)
    (tmp_path / "a.jsonl").write_text(
        '{"text": "one"}\n' + "x" * 5000 + '\n{"text": "two"}\n' + "y" * 1000
    )
    assert rows(tmp_path) == [("a.jsonl#row=2", "undecodable"), ("a.jsonl#row=4", "undecodable")]
    assert [one.caption for one in FolderSource(tmp_path) if isinstance(one, Asset)] == [
        "one",
        "two",
    ]


_LINES = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.sampled_from(
            [b'{"text": "one", "n": [NaN, 1e999]}', b'"', b"text,n", b"one,2", b"\0", b""]
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.text(max_size=5) | st.just("text"), inner, max_size=3)
            ),
            max_leaves=5,
        ).map(lambda value: json.dumps(value).encode()),
    ),
    max_size=8,
)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from(["a.txt", "a.md", "a.jsonl", "a.csv", "a.parquet", "captions.csv"])
    | st.sampled_from(["captions.jsonl", "captions.parquet", "p.txt", "p.json"]),
    lines=_LINES,
    newline=st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n"]),
)
def test_any_bytes_give_items_and_rows(tmp_path: Path, name: Any, lines: Any, newline: Any) -> None:
    root = tmp_path / "root"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    (root / "p.jpg").touch()
    (root / name).write_bytes(newline.join(lines))
    uris = []
    for one in FolderSource(root):
        uris.append((type(one), one.uri))
        if isinstance(one, Asset):
            json.dumps([one.caption, one.meta], allow_nan=False).encode()
            assert one.caption is None or one.caption == one.caption.strip() != ""
        else:
            assert one.message.isprintable()
    assert len(set(uris)) == len(uris)
    assert (Asset, file_uri(root.resolve() / "p.jpg")) in uris
