"""``export-embeddings`` and ``import-embeddings`` as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from searchengine.cli.app import app
from searchengine.errors import UsageError
from tests.ingest.folders import picture


def call(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_out_of_one_corpus_into_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCHENGINE_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "photos").mkdir()
    for n in range(4):
        (tmp_path / "photos" / f"{n}.png").write_bytes(picture((n * 60, 200, 90)))
    store = ("--store", tmp_path / "index")
    call("index", tmp_path / "photos", *store, "--model", "fake", "-q")
    out = tmp_path / "out"
    assert call("export-embeddings", out, *store, "-q") == f"4 exported to {out}\n"
    told = call("import-embeddings", out, *store, "-c", "copy", "--verify", 2, "-q")
    assert told.startswith("4 seen: 4 imported, 0 unchanged, 0 failed")
    again = json.loads(call("import-embeddings", out, *store, "-c", "copy", "--json", "-q"))
    assert (again["imported"], again["unchanged"], again["model"]) == (0, 4, "fake")
    first, second = (
        json.loads(call("search", "green", *store, "-c", corpus, "--json"))["hits"]
        for corpus in ("default", "copy")
    )
    assert [(hit["uri"], hit["score"]) for hit in first] == [
        (hit["uri"], hit["score"]) for hit in second
    ]
    unchanged = call("index", tmp_path / "photos", *store, "-c", "copy", "-q")
    assert "0 embedded, 4 unchanged" in unchanged
    (out / "searchengine.json").unlink()
    np.save(out / "img_emb" / "img_emb_0.npy", np.ones((4, 32), np.float16))
    with pytest.raises(UsageError, match="which model made them"):
        call("import-embeddings", out, *store, "-c", "third", "-q")
