"""Bad input, through the command line as a person meets it: one clear line, the right exit code."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from searchengine.errors import QueryError
from searchengine.query.engine import SearchEngine
from searchengine.store.open import open_store
from tests.e2e.conftest import Home
from tests.ingest.folders import picture
from tests.ingest.hostile import write_hostile_files

FAKE = ("--model", "fake")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    for name, colour in (("red", (220, 30, 30)), ("green", (40, 160, 60)), ("blue", (40, 80, 210))):
        (root / f"{name}.png").write_bytes(picture(colour, (32, 24)))
    return root


def one_error(err: str) -> str:
    """The error, which is one line; a hint may follow it, a traceback may not."""
    assert "Traceback" not in err
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, err
    return lines[0]


def test_hostile_folder(home: Home, tmp_path: Path) -> None:
    root = tmp_path / "hostile"
    root.mkdir()
    expected = write_hostile_files(root)
    done = home.ok("index", root, "--json", *FAKE)
    wrong = {name: what for name, what in expected.items() if what not in ("ok", "skipped")}
    rows = [json.loads(line) for line in Path(done.json["report"]).read_text().splitlines()]
    assert sorted(row["reason"] for row in rows) == sorted(wrong.values())
    assert done.json["failed"] == len(wrong)
    assert done.json["embedded"] == sum(what == "ok" for what in expected.values())
    assert all(row["message"] and "\n" not in row["message"] for row in rows)
    assert "Traceback" not in done.err
    again = home.run("index", root, "--json", "--strict", *FAKE)
    assert again.code == 1
    assert again.json["embedded"] == 0
    hits = home.ok("search", "red", "--json", "--limit", "100").json["hits"]
    assert len(hits) == done.json["embedded"]
    home.ok("search", "red", "--csv", "--limit", "100")
    home.ok("search", "red", "--paths", "--limit", "100")
    home.ok("search", "red", "--limit", "100")


def test_missing_path(home: Home, folder: Path) -> None:
    done = home.run("index", folder, folder / "nowhere", *FAKE)
    assert done.code == 3
    assert "nowhere" in one_error(done.err)
    assert home.run("stats").code == 3, "nothing was indexed before the missing path was told"


def test_empty_folder(home: Home, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = home.ok("index", tmp_path / "empty", *FAKE)
    assert "nothing to index" in done.out


def test_two_million_character_captions(home: Home, folder: Path) -> None:
    (folder / "red.txt").write_text("red " * 500_000)
    (folder / "green.txt").write_text("绿" * 2_000_000)
    (folder / "long.txt").write_text("blue " * 400_000)
    done = home.ok("index", folder, "--json", *FAKE)
    assert done.json["failed"] == 0
    assert home.ok("search", "red", "--json", "-n", "1").json["hits"][0]["uri"].endswith("red.png")
    assert home.ok("index", folder, "--json", *FAKE).json["embedded"] == 0


def test_unknown_model_and_missing_weights(home: Home, folder: Path, tmp_path: Path) -> None:
    done = home.run("index", folder, "--model", "ViT-Z-99/nothing")
    assert done.code == 2
    assert "ViT-Z-99" in one_error(done.err)
    done = home.run("index", folder, "--model", f"local-dir:{tmp_path / 'none'}")
    assert done.code == 3
    assert "none" in one_error(done.err)
    done = home.run("index", folder)  # the default model: no hub can be reached
    assert done.code == 3
    one_error(done.err)
    for way in ("--model local-dir:", "searchengine demo"):
        assert way in done.err


def test_another_model_over_a_corpus(home: Home, folder: Path) -> None:
    home.ok("index", folder, *FAKE)
    done = home.run("index", folder, "--model", "drawn-scenes")
    assert done.code == 2
    assert "fake" in one_error(done.err)
    assert "drawn-scenes" in one_error(done.err)
    done = home.run("search", "red", "--model", "drawn-scenes")
    assert done.code == 2
    assert "fake" in one_error(done.err)
    assert "drawn-scenes" in one_error(done.err)


def test_queries_without_an_answer(home: Home, folder: Path) -> None:
    assert home.run("search", "red").code == 3  # nothing indexed yet
    home.ok("index", folder, *FAKE)
    for arguments, code in (
        (("search", ""), 2),
        (("search", "red", "--limit", "0"), 2),
        (("search", "red", "--limit", "10000000"), 2),
        (("search", "red", "--offset", "-1"), 2),
        (("search", "-", "red"), 2),
        (("search", "0:red", "+", "0:blue"), 2),
        (("search", "red", "+"), 2),
        (("search", '"red'), 2),
        (("search", "red - red"), 2),
        (("search", "red", "+", "vector:[nan]"), 2),
        (("search", "red", "+", "vector:[1,2]"), 2),
        (("search", "red", "+", "vector:./nowhere.npy"), 3),
        (("search", "red", "--cursor", "xyz"), 2),
        (("search", "red", "--min-relevance", "7"), 2),
        (("search", "red", "--sort", "colour"), 2),
        (("search", "red", "--group-by", "colour"), 2),
        (("search", "red", "--facet", "colour"), 2),
        (("search", "red", "--rerank", "no-such-model"), 2),
        (("search", folder / "red.png", "--hybrid"), 2),
        (("search", "red", "--json", "--csv"), 2),
        (("search", "red", "--modality", "text"), 3),
        (("search", "red", "--corpus", "other"), 3),
        (("search", "red", "--config", "nowhere.yaml"), 3),
        (("search", "red", "--set", "ingest.batch_size=zero"), 2),
        (("similar", folder / "nowhere.jpg"), 3),
        (("similar", folder), 2),
        (("similar", "id:" + "0" * 32), 3),
        (("similar", "id:xyz"), 2),
        (("similar", "http://127.0.0.1:9/x.jpg"), 2),
        (("show", "nowhere.png"), 3),
        (("remove",), 2),
    ):
        done = home.run(*arguments)
        assert done.code == code, (arguments, done.err)
        one_error(done.err)
    text = folder / "text.jpg"
    text.write_text("I am no picture")
    done = home.run("similar", text)
    assert done.code == 1
    one_error(done.err)
    done = home.run("similar", "@-", stdin=b"neither am I")
    assert done.code == 1
    assert home.ok("search", "red", "--offset", "1000", "--json").json["hits"] == []
    assert len(home.ok("search", "1e9:red", "+", "1e-9:blue", "--json").json["hits"]) == 3
    assert home.ok("search", "red", "--filter", "width > 9999", "--json").json["hits"] == []
    gone = home.ok("search", "red", "--json").json["hits"][0]["id"]
    home.ok("remove", gone)
    done = home.run("search", f"id:{gone}")
    assert done.code == 3
    assert gone in one_error(done.err)


def test_a_query_of_two_megabytes(home: Home, folder: Path) -> None:
    home.ok("index", folder, *FAKE)
    engine = SearchEngine.open(
        corpus="default", store__uri=str(home.folder / "data/searchengine/milvus")
    )
    with engine, pytest.raises(QueryError, match="65,536"):
        engine.search("red " * 500_000)


@pytest.mark.parametrize(
    "expression",
    [
        "width >",
        "nothing == 3",
        "width == 'wide'",
        "caption ~ 'unclosed",
        '" or id != "',
        "id == 'x' or 1 == 1",
        "width > 3; drop",
        "(" * 500 + "width > 3" + ")" * 500,
    ],
)
def test_filters_that_are_none(home: Home, folder: Path, expression: str) -> None:
    home.ok("index", folder, *FAKE)
    done = home.run("search", "red", "--filter", expression)
    assert done.code == 2
    one_error(done.err)


def test_injected_strings_are_only_strings(home: Home, folder: Path) -> None:
    home.ok("index", folder, *FAKE)
    for text in ('x" or id != "', "x' or id != '", "%", "_", "\\", '\\" or id != \\"'):
        quoted = "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
        for operator in ("==", "~"):
            done = home.ok("search", "red", "--json", "--filter", f"caption {operator} {quoted}")
            assert done.json["hits"] == []
    assert home.ok("stats", "--json").json["sides"][0]["items"] == 3


def test_server_down_at_start(home: Home, folder: Path) -> None:
    began = time.monotonic()
    done = home.run("index", folder, "--store", "http://127.0.0.1:9", *FAKE)
    assert done.code == 3
    assert "127.0.0.1:9" in one_error(done.err)
    assert time.monotonic() - began < 30


def test_two_writers_on_one_folder(home: Home, folder: Path, tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\nfrom searchengine.store.open import open_store\n"
            "store = open_store(sys.argv[1])\nprint('open', flush=True)\nsys.stdin.read()\n",
            str(tmp_path / "store"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        done = home.run("index", folder, "--store", tmp_path / "store", *FAKE)
        assert done.code == 3
        assert "another process" in one_error(done.err)
    finally:
        holder.communicate(b"", timeout=30)
    home.ok("index", folder, "--store", tmp_path / "store", *FAKE)


@pytest.mark.skipif(sys.platform != "linux", reason="a small disk is made with a Linux tmpfs")
def test_disk_full(home: Home, folder: Path, tmp_path: Path) -> None:
    for n in range(3000):
        (folder / f"n{n}.png").write_bytes(picture((n % 256, n // 256, 7), (8, 8)))
        (folder / f"n{n}.txt").write_text(f"{n} " + "x" * 4000)
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(small)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk needs root")
    try:
        done = home.run("index", folder, "--quiet", "--store", small / "store", *FAKE)
        assert done.code == 3, done.err
        assert "space" in one_error(done.err)
        # With room again, the same command finishes the work and loses nothing.
        subprocess.run(["mount", "-o", "remount,size=400m", str(small)], check=True)
        home.ok("index", folder, "--quiet", "--json", "--store", small / "store", *FAKE)
        stats = home.ok("stats", "--json", "--store", small / "store").json
        assert stats["sides"][0]["items"] == 3003
    finally:
        subprocess.run(["umount", "-l", str(small)], check=False)


@pytest.mark.parametrize("written", [0, 200])
def test_server_killed_in_the_middle_and_back(
    home: Home,
    folder: Path,
    killable_milvus: Any,
    written: int,
) -> None:
    for n in range(1500):
        (folder / f"n{n}.png").write_bytes(picture((n % 256, n // 256, 7), (8, 8)))
    uri = killable_milvus.start()
    options = ("--set", "ingest.write_rows=8", "--set", "ingest.batch_size=8", "--store", uri)
    process = home.start("index", folder, "--json", "--quiet", *options, *FAKE)
    with closing(open_store(uri)) as store:
        wait_for(lambda: any(side.count >= written for side in store.sides()), 120)
    killable_milvus.kill()
    assert process.poll() is None, "the run was over before the server was killed"
    time.sleep(2)
    killable_milvus.start()
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err.decode()
    done = json.loads(out)
    assert done["failed"] == 0
    assert home.ok("stats", "--json", "--store", uri).json["sides"][0]["items"] == 1503
    assert home.ok("index", folder, "--json", "--store", uri, *FAKE).json["unchanged"] == 1503


@pytest.mark.skipif(sys.platform != "linux", reason="the unreadable file is one of Linux's own")
def test_a_file_that_cannot_be_read(home: Home, folder: Path) -> None:
    """A regular file whose reading fails even for root, as on a disk that is going bad."""
    home.ok("index", folder, *FAKE)
    (folder / "red.png").unlink()
    (folder / "red.png").symlink_to("/proc/self/mem")
    done = home.ok("index", folder, "--json", *FAKE)
    assert (done.json["failed"], done.json["removed"], done.json["unchanged"]) == (1, 0, 2)
    row = json.loads(Path(done.json["report"]).read_text())
    assert row["reason"] == "unreadable"
    assert home.ok("stats", "--json").json["sides"][0]["items"] == 3


def test_a_reader_that_stops_early_is_no_error(home: Home, folder: Path) -> None:
    home.ok("index", folder, *FAKE)
    process = home.start("search", "red", "--jsonl")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr is not None
    assert b"Traceback" not in process.stderr.read()


def test_watch_indexes_what_changes(home: Home, folder: Path, tmp_path: Path) -> None:
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(
        home.command("index", folder, "--watch", "--quiet", *FAKE),
        stdout=log,
        stderr=subprocess.STDOUT,
        env=home.env,
    )
    try:
        wait_for(lambda: "3 embedded" in (tmp_path / "log").read_text())
        shutil.copy(folder / "red.png", folder / "again.png")
        (folder / "new.png").write_bytes(picture((245, 225, 50)))
        wait_for(lambda: "1 embedded, 3 unchanged, 1 copied" in (tmp_path / "log").read_text())
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(30)
        log.close()
    assert code == 0, (tmp_path / "log").read_text()
    assert home.ok("stats", "--json").json["sides"][0]["items"] == 5


def wait_for(condition, seconds: float = 30) -> None:  # type: ignore[no-untyped-def]
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.1)
