"""kill -9 at random moments, then the same command again: the state of an undisturbed run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from searchengine.records import MODALITIES, Side
from searchengine.store.open import open_store
from tests.e2e.conftest import Home
from tests.ingest.folders import picture

ROUNDS = {"lite": 20, "server": int(os.environ.get("SEARCHENGINE_TEST_KILLS", "6"))}
"""A round on a server takes half a minute: the variable asks for more of them."""
FILES = 400
TEXTS = 20


def rows_of(address: str, corpus: str) -> dict[str, dict[str, Any]]:
    store = open_store(address)
    try:
        return {
            row["id"]: dict(row)
            for modality in MODALITIES
            if store.describe(Side(corpus, modality)) is not None
            for row in store.scan(
                Side(corpus, modality), fields=("id", "uri", "content_hash", "caption", "vector")
            )
        }
    finally:
        store.close()


def assert_same(one: dict[str, dict[str, Any]], other: dict[str, dict[str, Any]]) -> None:
    assert one.keys() == other.keys()
    for key, row in one.items():
        assert {**row, "vector": None} == {**other[key], "vector": None}
        np.testing.assert_allclose(row["vector"], other[key]["vector"], atol=1e-5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    rng = random.Random(1)
    for n in range(FILES):
        colour = (rng.randrange(256), rng.randrange(256), rng.randrange(256))
        (root / f"{n:04d}.png").write_bytes(picture(colour, (64, 48)))
    (root / "notes.txt").write_text("\n\n".join(f"paragraph {n} is red" for n in range(TEXTS)))
    return root


@pytest.mark.parametrize("backend", ["lite", "server"])
def test_killed_at_any_moment(
    backend: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    home: Home,
    folder: Path,
) -> None:
    server = request.getfixturevalue("milvus_server_uri") if backend == "server" else ""
    address = server or str(tmp_path / "whole")
    corpus = f"kill-{uuid.uuid4().hex[:8]}"
    options = ["--model", "fake", "--set", "ingest.batch_size=8"]
    if server:  # making a side costs a server seconds: one is enough here
        options += ["--modality", "image", "--set", "ingest.write_rows=1"]
    else:
        options += ["--set", "ingest.write_rows=16"]
    items = FILES if server else FILES + TEXTS
    # A model's first run of all leaves more behind (what relevance is measured against): not timed.
    home.ok("index", folder / "0000.png", "--store", tmp_path / "first", "--model", "fake")
    began = time.perf_counter()
    home.ok("index", folder, "-c", f"{corpus}-whole", "--store", address, *options)
    whole_s = time.perf_counter() - began
    expected = rows_of(address, f"{corpus}-whole")
    assert len(expected) == items

    rng = random.Random(2)
    killed = partial = 0
    for round_ in range(2 * ROUNDS[backend]):
        if round_ >= ROUNDS[backend] and partial:
            break  # enough rounds, and one at least between a run's first and last write
        store = server or str(tmp_path / f"killed-{round_}")
        name = f"{corpus}-{round_}"
        process = home.start("index", folder, "-c", name, "--store", store, *options)
        # A run starts up, makes its side, writes, settles: aim at the writing, but not only there.
        first, last = (0.02, 1.05) if round_ % 4 == 0 else (0.25, 0.7) if server else (0.5, 1.0)
        time.sleep(rng.uniform(first * whole_s, last * whole_s))
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        process.communicate()
        survivors = _count(store, name)
        done = home.ok("index", folder, "-c", name, "--store", store, "--json", *options).json
        assert done["unchanged"] == survivors, "what was acknowledged is not embedded again"
        assert done["embedded"] + done["copied"] == items - survivors
        partial += 0 < survivors < items
        assert_same(expected, rows_of(store, name))
        if server:
            home.ok("remove", "--all", "-c", name, "--store", store)
    assert killed >= ROUNDS[backend] // 2, (
        "most rounds have to hit a running process to mean anything"
    )
    assert partial >= 1, "some rounds have to hit it between its first and its last write"
    if server:
        home.ok("remove", "--all", "-c", f"{corpus}-whole", "--store", server)


def _count(address: str, corpus: str) -> int:
    store = open_store(address)
    try:
        return sum(
            store.count(Side(corpus, modality))
            for modality in MODALITIES
            if store.describe(Side(corpus, modality)) is not None
        )
    finally:
        store.close()


def test_interrupt_finishes_the_batch_and_reports(home: Home, folder: Path, tmp_path: Path) -> None:
    options = ("--model", "fake", "--set", "ingest.batch_size=1", "--store", tmp_path / "store")
    process = home.start("index", folder, "--json", "--quiet", *options)
    time.sleep(1.2)
    process.send_signal(signal.SIGINT)
    try:
        _, err = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    if process.returncode == 0:
        pytest.fail("the run was over before the signal: make the folder larger")
    assert process.returncode == 130, err
    again = home.ok("index", folder, "--json", *options).json
    assert again["failed"] == 0
    assert again["unchanged"] + again["embedded"] + again["copied"] == FILES + TEXTS
