from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from pathlib import Path

import pytest

from searchengine.encoders.memory import file_hash, memory_file, recall_model, remember_model


def old_file(folder: Path, data: bytes, seconds_old: float = 60) -> Path:
    path = folder / "weights"
    path.write_bytes(data)
    stamp = time.time() - seconds_old
    os.utime(path, (stamp, stamp))
    return path


def digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def test_a_hash_is_of_the_bytes_and_is_remembered(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    path = old_file(tmp_path, b"abc")
    assert file_hash(path, cache_dir=cache) == digest(b"abc")
    # Proof that it is not read again: plant another answer.
    memory = json.loads(memory_file(cache).read_text())
    memory["files"][str(path)][3] = "planted"
    memory_file(cache).write_text(json.dumps(memory))
    assert file_hash(path, cache_dir=cache) == "planted"


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert file_hash(old_file(tmp_path, b"abc", 60), cache_dir=cache) == digest(b"abc")
    assert file_hash(old_file(tmp_path, b"abd", 50), cache_dir=cache) == digest(b"abd")


def test_a_file_swapped_with_its_time_kept_is_read_again(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    path = old_file(tmp_path, b"abc")
    file_hash(path, cache_dir=cache)
    stat = path.stat()
    other = tmp_path / "other"
    other.write_bytes(b"xyz")
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(path)
    assert file_hash(path, cache_dir=cache) == digest(b"xyz")


def test_what_has_just_changed_is_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"abc")
    assert file_hash(path, cache_dir=tmp_path) == digest(b"abc")
    assert not memory_file(tmp_path).exists()


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"scheme": 99}', '{"scheme": 1, "files": 3}'])
def test_a_damaged_memory_is_written_anew(damage: str, tmp_path: Path) -> None:
    memory_file(tmp_path).write_text(damage)
    path = old_file(tmp_path, b"abc")
    assert file_hash(path, cache_dir=tmp_path) == digest(b"abc")
    assert json.loads(memory_file(tmp_path).read_text())["files"][str(path)][3] == digest(b"abc")
    assert [file.name for file in tmp_path.glob("*.tmp")] == []


def test_binary_rubbish_is_a_damaged_memory_too(tmp_path: Path) -> None:
    memory_file(tmp_path).write_bytes(b"\xff\xfe\x00")
    assert recall_model("m", cache_dir=tmp_path) is None


def test_models_and_files_are_kept_side_by_side(tmp_path: Path) -> None:
    remember_model("m", {"a": 1}, cache_dir=tmp_path)
    file_hash(old_file(tmp_path, b"abc"), cache_dir=tmp_path)
    remember_model("n", {"b": [2]}, cache_dir=tmp_path)
    assert recall_model("m", cache_dir=tmp_path) == {"a": 1}
    assert recall_model("n", cache_dir=tmp_path) == {"b": [2]}
    assert recall_model("o", cache_dir=tmp_path) is None


def test_a_place_that_cannot_be_written_costs_a_warning_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "a-file"
    blocked.write_text("")
    path = old_file(tmp_path, b"abc")
    with caplog.at_level(logging.WARNING):
        assert file_hash(path, cache_dir=blocked) == digest(b"abc")
    assert "read whole at each start" in caplog.text


def test_by_default_it_lies_in_the_users_cache() -> None:
    assert memory_file(None).parent.name == "searchengine"
    assert memory_file(None).name == "models.json"
