"""Addresses as sources: folders of an object store, and files on the web."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from ingest.sources import open_sources
from ingest.sources.contract import Asset, Scope, Skipped, singles
from ingest.sources.links import Links
from searchengine.errors import NotFoundError, ReadError, UnsupportedError, UsageError
from searchengine.settings import NetSettings
from tests.ingest.folders import CountingEncoder, FlakyStore, contents, make_job, picture, run
from tests.ingest.sources.test_picture_table import inline_rows, write_parquet
from tests.ingest.sources.test_tar import SAMPLES, write_tar
from tests.web import Site, site

RED, GREEN, BLUE = ((200, 30, 30), (30, 180, 60), (40, 80, 210))
NET = NetSettings(allow=True, allow_private=True, timeout_s=5, retries=1)


class Objects:
    """A store of objects, and how it is filled."""

    def __init__(self, fs: Any, root: str) -> None:
        self.fs = fs
        self.root = root

    def put(self, name: str, data: bytes) -> None:
        self.fs.pipe_file(f"{self.root}/{name}", data)

    @property
    def uri(self) -> str:
        """Of the root."""
        return str(self.fs.unstrip_protocol(self.fs._strip_protocol(self.root)))

    def url(self, name: str = "") -> str:
        return f"{self.root}/{name}" if name else self.root


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """A store that speaks S3, on a port of this machine."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["memory", "s3"])
def objects(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Objects]:
    if request.param == "memory":
        fs = fsspec.filesystem("memory")
        fs.store.clear()
        fs.pseudo_dirs[:] = [""]
        yield Objects(fs, "memory://bucket/photos")
        fs.store.clear()
        return
    endpoint = request.getfixturevalue("s3_endpoint")
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", endpoint),
    ):
        monkeypatch.setenv(name, value)
    fs = fsspec.filesystem("s3", use_listings_cache=False)
    fs.mkdir("bucket")
    yield Objects(fs, "s3://bucket/photos")
    fs.rm("bucket", recursive=True)


@pytest.fixture
def web() -> Iterator[Site]:
    with site() as served:
        yield served


def listed(source: Any) -> tuple[list[Asset], list[Skipped]]:
    every = list(singles(source))
    return (
        [one for one in every if isinstance(one, Asset)],
        [one for one in every if isinstance(one, Skipped)],
    )


def opened(*paths: str, **options: Any) -> Any:
    return open_sources(list(paths), net=NET, **options)


def test_a_folder(objects: Objects) -> None:
    objects.put("a b%20.png", picture(RED))
    objects.put("a b%20.txt", b"a red field")
    objects.put("sub/ü.png", picture(GREEN))
    objects.put("sub/ü.json", json.dumps({"caption": "green", "n": 1}).encode())
    objects.put("sub/deep/c.png", picture(BLUE))
    objects.put("captions.jsonl", b'{"file": "sub/deep/c.png", "caption": "blue", "tag": "x"}\n{\n')
    objects.put("notes.md", b"One.\n\nTwo.\n")
    objects.put(".hidden/d.png", picture(BLUE))
    objects.put("left.out", b"x")
    source = opened(objects.url())
    assets, skipped = listed(source)
    base = objects.uri
    assert [asset.uri for asset in assets] == [
        f"{base}/a%20b%2520.png",
        f"{base}/notes.md#paragraph=1",
        f"{base}/notes.md#paragraph=2",
        f"{base}/sub/%C3%BC.png",
        f"{base}/sub/deep/c.png",
    ]
    pictures = [asset for asset in assets if asset.modality == "image"]
    assert [(asset.caption, asset.meta) for asset in pictures] == [
        ("a red field", {}),
        ("green", {"n": 1}),
        ("blue", {"tag": "x"}),
    ]
    assert [source.open(asset) for asset in pictures] == [picture(c) for c in (RED, GREEN, BLUE)]
    assert all(asset.mtime_ns > 1_600_000_000 * 10**9 for asset in pictures)
    assert ["line 2 is no JSON" in one.message for one in skipped] == [True]
    assert source.scopes[-1] == Scope(f"{base}/", True, ())
    flat, _ = listed(opened(objects.url(), recursive=False, modality="image"))
    assert len(flat) == 1
    left, _ = listed(opened(objects.url(), exclude=("sub",), modality="text"))
    assert [asset.modality for asset in left] == ["text", "text"]


def test_runs_follow_the_store(objects: Objects) -> None:
    for name, colour in (("a.png", RED), ("sub/b.png", GREEN), ("sub/c.png", BLUE)):
        objects.put(name, picture(colour))
    store, encoder = FlakyStore(), CountingEncoder()

    def index() -> dict[str, Any]:
        return run(make_job(objects.url(), store, encoder, net=NET)).as_json()

    assert index()["embedded"] == 3
    assert index()["unchanged"] == 3
    objects.put("sub/b.png", picture((9, 9, 200)))
    objects.put("a.txt", b"red")
    objects.fs.mv(f"{objects.root}/sub/c.png", f"{objects.root}/moved.png")
    report = index()
    assert (report["embedded"], report["updated"], report["moved"]) == (1, 1, 1)
    objects.put("bad.png", b"no picture")
    objects.fs.rm(f"{objects.root}/a.png")
    report = index()
    assert (report["failed"], report["removed"], report["unchanged"]) == (1, 1, 2)
    fresh = FlakyStore()
    run(make_job(objects.url(), fresh, net=NET))
    assert contents(store) == contents(fresh)


def test_tars_and_tables(objects: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tar = write_tar(tmp_path / "a.tar", SAMPLES).read_bytes()
    packed = write_tar(tmp_path / "a.tar.gz", SAMPLES, "w:gz").read_bytes()
    objects.put("1.tar", tar)
    objects.put("2.tar.gz", packed)
    table = write_parquet(tmp_path / "t.parquet", inline_rows(".parquet"))
    objects.put("t.parquet", table.read_bytes())
    source = opened(objects.url("*.tar*"), objects.url("t.parquet"))
    assets, skipped = listed(source)
    assert skipped == []
    assert [asset.uri.rpartition("/")[2] for asset in assets] == [
        *(f"{name}#member={n}" for name in ("1.tar", "2.tar.gz") for n in MEMBERS),
        *(f"t.parquet#row={n}" for n in range(1, 11)),
    ]
    assert [len(source.open(asset)) > 50 for asset in assets] == [True] * 16
    assert len(source.scopes) == 3
    store, encoder = FlakyStore(), CountingEncoder()
    job = make_job(objects.url("1.tar"), store, encoder, net=NET)
    assert run(job).embedded == 3
    with monkeypatch.context() as patched:
        patched.setattr("ingest.sources.remote.copy_object", lambda *_: pytest.fail("read"))
        assert run(job).unchanged == 3


MEMBERS = ("0000.png", "0001.png", "sub%2F0002.PNG")


def test_rows_that_name_objects(objects: Objects, tmp_path: Path) -> None:
    objects.put("x/a.png", picture(RED))
    base = objects.uri
    rows = [
        {"url": f"{base}/x/a.png"},
        {"url": f"{base}/x/gone.png"},
        {"url": "nosuch://bucket/x.png"},
        {"url": f"local://{tmp_path}/secret.png"},
        {"url": "sftp://127.0.0.1/x.png"},
        {"url": "simplecache::file:///x.png"},
    ]
    (tmp_path / "secret.png").write_bytes(picture(BLUE))
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = run(make_job(tmp_path / "t.jsonl", FlakyStore(), net=NET))
    assert (report.embedded, report.failed) == (1, 5)
    objects.put("t.csv", b"file,caption\nx/a.png,near\n/etc/passwd.png,far\n")
    source = opened(objects.url("t.csv"))
    assets, skipped = listed(source)
    assert [asset.uri for asset in assets] == [f"{base}/x/a.png"]
    assert source.open(assets[0]) == picture(RED)
    assert ["a file of another machine" in one.message for one in skipped] == [True]


def test_what_is_not_there(objects: Objects) -> None:
    objects.put("a.png", picture(RED))
    for name in ("nowhere", "b.png", "*.tar"):
        with pytest.raises(NotFoundError):
            list(opened(objects.url(name)))
    objects.put("x.bin", b"x")
    with pytest.raises(UsageError, match="neither a folder, a picture"):
        list(opened(objects.url("x.bin")))
    source = opened(objects.url())
    (asset,) = source
    objects.fs.rm(f"{objects.root}/a.png")
    with pytest.raises(ReadError):
        source.open(asset)


def test_a_folder_that_cannot_be_listed_loses_nothing(
    objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects.put("a.png", picture(RED))
    objects.put("sub/b.png", picture(GREEN))
    store = FlakyStore()
    run(make_job(objects.url(), store, net=NET))

    class PartlyClosed:
        """The store, but for one folder that may not be listed."""

        def ls(self, path: str, **options: Any) -> Any:
            if path.endswith("sub"):
                raise PermissionError("no")
            return objects.fs.ls(path, **options)

        def __getattr__(self, name: str) -> Any:
            return getattr(objects.fs, name)

    path = objects.fs._strip_protocol(objects.url())
    monkeypatch.setattr(Links, "store", lambda *_: (PartlyClosed(), path))
    report = run(make_job(objects.url(), store, net=NET))
    assert (report.failed, report.removed, report.unchanged) == (1, 0, 1)
    assert len(contents(store)) == 2


def test_nothing_is_read_unless_allowed() -> None:
    for url in ("s3://bucket/x", "gs://bucket", "https://example.org/x.tar"):
        with pytest.raises(UsageError, match="off by default") as caught:
            open_sources([url])
        assert "--allow-net" in caught.value.hint


def test_stores_that_need_a_package() -> None:
    with pytest.raises(UnsupportedError) as caught:
        list(opened("gs://bucket/x"))
    assert "pip install gcsfs" in caught.value.hint
    with pytest.raises(UnsupportedError, match="nosuch://"):
        list(opened("nosuch://bucket/x"))


def test_files_on_the_web(web: Site, tmp_path: Path) -> None:
    web.serve("/1.tar", write_tar(tmp_path / "a.tar", SAMPLES).read_bytes())
    web.serve("/d/t.jsonl", b'{"image": "x.png", "caption": "near"}\n')
    web.serve("/d/x.png", picture(RED))
    web.serve("/photo?id=7", picture(BLUE))
    web.serve("/n.txt", b"A note.")
    names = ("1.tar", "d/t.jsonl", "photo?id=7", "n.txt", "gone.tar")
    store, encoder = FlakyStore(), CountingEncoder()
    job = make_job([f"{web.url}/{name}" for name in names], store, encoder, net=NET)
    report = run(job).as_json()
    assert (report["embedded"], report["failed"]) == (6, 1)
    assert set(contents(store)) == {
        *(f"{web.url}/1.tar#member={name}" for name in MEMBERS),
        f"{web.url}/d/x.png",
        f"{web.url}/photo?id=7",
        f"{web.url}/n.txt#paragraph=1",
    }
    before = encoder.images
    assert run(job).as_json()["unchanged"] == 6
    assert encoder.images == before
    assert (web.asked["/d/x.png"], web.asked["/photo?id=7"]) == (1, 1)


def test_a_table_on_the_web_leads_to_no_private_address(web: Site, tmp_path: Path) -> None:
    """Names of this machine, file uris among them, are not for others to read."""
    (tmp_path / "secret.png").write_bytes(picture(RED))
    rows = [{"image": (tmp_path / "secret.png").as_uri()}, {"image": str(tmp_path / "secret.png")}]
    url = web.serve("/t.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())
    report = run(make_job(url, FlakyStore(), net=NET))
    assert (report.seen, report.failed) == (0, 2)


def test_temporary_files_go(objects: Objects, tmp_path: Path, monkeypatch: Any) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    table = write_parquet(tmp_path / "t.parquet", inline_rows(".parquet"))
    objects.put("t.parquet", table.read_bytes())
    objects.put("1.tar", write_tar(tmp_path / "a.tar", SAMPLES).read_bytes())
    source = opened(objects.url("t.parquet"), objects.url("1.tar"))
    assets, _ = listed(source)
    assert [len(source.open(asset)) > 50 for asset in assets] == [True] * 13
    del source, assets
    assert list((tmp_path / "tmp").iterdir()) == []
