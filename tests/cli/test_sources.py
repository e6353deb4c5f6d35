"""``index`` over tars, tables and addresses, as a person types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from searchengine.cli.app import app
from searchengine.errors import UnsupportedError, UsageError
from tests.ingest.folders import picture
from tests.ingest.sources.test_picture_table import write_csv, write_parquet
from tests.ingest.sources.test_tar import SAMPLES, write_tar
from tests.web import site


def call(*arguments: object) -> Any:
    done = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_collections_of_all_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCHENGINE_DATA_DIR", str(tmp_path / "data"))
    tar = write_tar(tmp_path / "a.tar", SAMPLES)
    rows = [{"nr": f"n{n}", "shot": picture((n, n, 200)), "said": f"no {n}"} for n in range(2)]
    table = write_parquet(tmp_path / "t.parquet", rows)
    base = ("--store", tmp_path / "index", "--model", "fake", "-q", "--json")
    columns = ("--image-column", "shot", "--caption-column", "said", "--id-column", "nr")
    assert call("index", table, *base, *columns)["embedded"] == 2
    assert call("index", tar, *base)["embedded"] == 3
    with site() as web:
        url = web.serve("/x.png", picture((250, 250, 250)))
        links = write_csv(tmp_path / "l.csv", [{"url": url, "caption": "white"}])
        with pytest.raises(UsageError, match="off by default"):
            call("index", links, *base)
        private = ("--set", "net.allow_private=true", "--allow-net")
        assert call("index", links, *base, *private)["embedded"] == 1
        alone = call("index", url, *base, *private)  # it says nothing of a caption
        assert (alone["embedded"], alone["updated"]) == (0, 1)
        with pytest.raises(UnsupportedError, match="cannot be watched"):
            call("index", url, *base, *private, "--watch")
        store = ("--store", tmp_path / "index", "--json")
        hits = call("similar", url, *store, "-n", 10)["hits"]
        assert web.asked == {"/x.png": 2}
    assert len(hits) == 6
    assert hits[0]["uri"] == url
    captions = {hit["metadata"].get("caption") for hit in hits}
    assert captions == {"no 0", "no 1", "a red field", "green", None}
    uri = f"{(tmp_path / 't.parquet').resolve().as_uri()}#id=n1"
    assert call("show", uri, *store)["items"][0]["caption"] == "no 1"
    member = f"{tar}#member=0000.png"
    assert call("similar", member, *store, "-n", 1)["hits"][0]["uri"].endswith("#member=0000.png")
