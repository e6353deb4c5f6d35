"""``searchengine duplicates`` as people and scripts see it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from searchengine.demo.collection import write_collection

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Twelve scenes, one of them twice and once smaller, indexed; and the command over them."""
    home = tmp_path_factory.mktemp("duplicates")
    photos = home / "photos"
    write_collection(photos, 12, seed=9)
    (photos / "captions.jsonl").unlink()
    shutil.copy(photos / "scene-00003.jpg", photos / "twin\nof 3.jpg")
    with Image.open(photos / "scene-00003.jpg") as picture:
        picture.resize((200, 150)).save(photos / "small.jpg")

    def command(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "searchengine", *arguments, "--store", str(home / "store")],
            capture_output=True,
            timeout=180,
        )

    done = command("index", str(photos), "--model", "drawn-scenes")
    assert done.returncode == 0, done.stderr
    return command


def test_json_holds_counts_and_groups(run: Run) -> None:
    done = run("duplicates", "--json", "--tier", "same", "--workers", "1")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["items"], answer["unreadable"]) == (14, 0)
    (group,) = answer["groups"]
    names = [Path(member["path"]).name for member in group["members"]]
    assert set(names[:2]) == {"scene-00003.jpg", "twin\nof 3.jpg"}
    assert names[2] == "small.jpg"
    assert [member["why"] for member in group["members"]] == ["keeper", "bytes", "pixels"]
    assert group["keeper"] == group["members"][0]["id"]


def test_a_line_is_a_group(run: Run) -> None:
    done = run("duplicates", "--jsonl", "--workers", "1", "--threshold", "-1")
    tiers = [json.loads(line)["tier"] for line in done.stdout.splitlines()]
    assert tiers[0] == "same"
    assert set(tiers[1:]) == {"similar"}


def test_paths_are_all_but_the_keepers_and_survive_odd_names(run: Run) -> None:
    answer = json.loads(run("duplicates", "--json", "--tier", "same", "--workers", "1").stdout)
    (group,) = answer["groups"]
    surplus = sorted(member["path"] for member in group["members"][1:])
    done = run("duplicates", "--paths", "-0", "--workers", "1")
    assert sorted(done.stdout.decode().removesuffix("\0").split("\0")) == surplus
    assert all(Path(path).exists() for path in surplus), "nothing is deleted"


def test_text_names_both_tiers_and_says_that_nothing_was_deleted(run: Run) -> None:
    done = run("duplicates", "--workers", "1", "--threshold", "-1")
    text = done.stdout.decode()
    assert "3 x the same picture" in text
    assert "similar pictures" in text
    assert "same bytes" in text
    assert "same picture" in text
    assert b"nothing was deleted" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--paths", "--tier", "similar"], b"similar pictures are not copies"),
        (["--paths", "--json"], b"exclude each other"),
        (["-0"], b"--paths"),
        (["--threshold", "1.5"], b"no cosine"),
        (["--threshold", "nan"], b"no cosine"),
        (["--neighbours", "0"], b"--neighbours 0"),
        (["--workers", "0"], b"--workers 0"),
        (["--filter", "colour = 3"], b"colour"),
        (["--corpus", "nowhere"], b"nowhere"),
    ],
)
def test_wrong_use_is_told(run: Run, arguments: list[str], words: bytes) -> None:
    done = run("duplicates", *arguments)
    assert done.returncode in (2, 3)
    assert words in done.stderr
    assert not done.stdout
