"""Items over HTTP: what is known of them, their thumbnails and their originals."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from ingest import index
from searchengine.identity import file_uri, item_id
from searchengine.service.app import create_app
from searchengine.service.thumbnails import Thumbnails
from tests import container_files
from tests.service.conftest import settings_at

ITEMS = "/v1/corpora/scenes/items"


@pytest.fixture(scope="module")
def home(scenes_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three drawn scenes, a film, a PDF and a note, indexed where they may be changed."""
    home = tmp_path_factory.mktemp("items")
    folder = home / "pictures"
    folder.mkdir()
    for number, path in enumerate(sorted((scenes_home / "scenes").rglob("*.jpg"))[:6]):
        shutil.copy(path, folder / f"scène {number}.jpg")
    (folder / "film.mp4").write_bytes(container_files.film([(2.0, container_files.scene(1))]))
    (folder / "book.pdf").write_bytes(container_files.pdf(["a red car", "a house"]))
    (folder / "note.txt").write_text("a yellow boat on a lake")
    options: dict[str, Any] = {"model__name": "drawn-scenes", "cache_dir": home / "cache"}
    report = index([folder], corpus="scenes", data_dir=home / "data", **options)
    assert not report.failed, report.first_failures
    return home


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[TestClient]:
    with TestClient(create_app(settings_at(home, service__thumbnails_mb=1))) as client:
        yield client


def at(home: Path, name: str, fragment: str = "") -> str:
    """The address of an item by its file's name."""
    return f"{ITEMS}/{item_id(file_uri(home / 'pictures' / name) + fragment)}"


def test_all_that_is_known(client: TestClient, home: Path) -> None:
    answer = client.get(at(home, "scène 0.jpg"), params={"vectors": True})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["path"] == str(home / "pictures" / "scène 0.jpg")
    assert abs(sum(x * x for x in found["vector"]) - 1) < 1e-4
    missing = client.get(f"{ITEMS}/{32 * '0'}")
    assert (missing.status_code, missing.json()["title"]) == (404, "NotFound")
    for wrong in ("..%2F..%2Fetc%2Fpasswd", "x", 31 * "0", 32 * "0" + "%0A", 32 * "G"):
        assert client.get(f"{ITEMS}/{wrong}").status_code in (404, 422), wrong


@pytest.mark.parametrize(
    ("name", "fragment"),
    [("scène 0.jpg", ""), ("film.mp4", "#frame=1"), ("book.pdf", "#page=2")],
)
def test_thumbnails(client: TestClient, home: Path, name: str, fragment: str) -> None:
    address = at(home, name, fragment) + "/thumbnail"
    answer = client.get(address, params={"size": 64})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert max(picture.size) == 64
    again = client.get(address, params={"size": 64})
    assert again.content == answer.content
    etag = answer.headers["etag"]
    unchanged = client.get(address, params={"size": 64}, headers={"If-None-Match": f'"x", {etag}'})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert client.get(address, params={"size": 128}).headers["etag"] != etag
    assert client.get(address, params={"size": 63}).status_code == 422


def test_a_text_has_no_thumbnail_but_an_original(client: TestClient, home: Path) -> None:
    texts = client.get(
        "/v1/corpora/scenes/search", params={"q": "a boat", "modalities": "text"}
    ).json()["hits"]
    note = next(hit["id"] for hit in texts if hit["metadata"]["caption"].startswith("a yellow"))
    assert client.get(f"{ITEMS}/{note}/thumbnail").status_code == 404
    answer = client.get(f"{ITEMS}/{note}/original")
    assert answer.text == "a yellow boat on a lake"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_originals(client: TestClient, home: Path) -> None:
    address = at(home, "scène 1.jpg") + "/original"
    data = (home / "pictures" / "scène 1.jpg").read_bytes()
    answer = client.get(address)
    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == (
        "inline; filename=\"sc_ne 1.jpg\"; filename*=UTF-8''sc%C3%A8ne%201.jpg"
    )
    etag = answer.headers["etag"]
    assert client.get(address, headers={"If-None-Match": etag}).status_code == 304
    assert client.get(f"{ITEMS}/{32 * '0'}/original").status_code == 404


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=100-", 100, None),
        ("bytes=-7", -7, None),
    ],
)
def test_ranges(client: TestClient, home: Path, asked: str, start: int, end: int | None) -> None:
    address = at(home, "scène 1.jpg") + "/original"
    data = (home / "pictures" / "scène 1.jpg").read_bytes()
    answer = client.get(address, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, data[start:end])
    first = start % len(data)
    last = first + len(answer.content) - 1
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(data)}"
    etag = answer.headers["etag"]
    same = client.get(address, headers={"Range": asked, "If-Range": etag})
    assert same.status_code == 206
    other = client.get(address, headers={"Range": asked, "If-Range": '"other"'})
    assert (other.status_code, other.content) == (200, data)


@pytest.mark.parametrize("what", ["original", "thumbnail"])
@pytest.mark.parametrize("asked", [{}, {"Range": "bytes=2-9"}])
def test_a_head_is_the_answer_without_its_body(
    client: TestClient, home: Path, what: str, asked: dict[str, str]
) -> None:
    address = f"{at(home, 'scène 1.jpg')}/{what}"
    whole, head = client.get(address, headers=asked), client.head(address, headers=asked)
    # The last server of a chain leaves the body out; the headers are those of a GET.
    assert head.status_code == whole.status_code
    for name in ("content-length", "content-type", "etag", "content-range", "accept-ranges"):
        assert head.headers.get(name) == whole.headers.get(name)


def test_ranges_that_are_none(client: TestClient, home: Path) -> None:
    address = at(home, "scène 1.jpg") + "/original"
    size = (home / "pictures" / "scène 1.jpg").stat().st_size
    beyond = client.get(address, headers={"Range": f"bytes={size}-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{size}"
    for whole in ("bytes=9-3", "bytes=0-1,4-5", "lines=1-2", "bytes=-", "nonsense"):
        assert client.get(address, headers={"Range": whole}).status_code == 200, whole


def test_parts_and_their_files(client: TestClient, home: Path) -> None:
    frame = at(home, "film.mp4", "#frame=1") + "/original"
    answer = client.get(frame)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content[:3] == b"\xff\xd8\xff"
    film = client.get(frame, params={"whole": True}, headers={"Range": "bytes=4-7"})
    assert (film.status_code, film.content) == (206, b"ftyp")
    assert film.headers["content-type"].startswith("video/")
    page = at(home, "book.pdf", "#page=1") + "/original"
    assert client.get(page).headers["content-type"] == "image/jpeg"
    book = client.get(page, params={"whole": True})
    assert book.content.startswith(b"%PDF")
    assert book.headers["content-disposition"].startswith("attachment")


def test_another_file_in_its_place_is_not_sent(client: TestClient, home: Path) -> None:
    path = home / "pictures" / "scène 2.jpg"
    address = at(home, path.name)
    data, status = path.read_bytes(), path.stat()
    # Touched, and still what it was.
    os.utime(path, ns=(1, 1))
    assert client.get(address + "/original").content == data
    secret = home / "secret.jpg"
    shutil.copy(home / "pictures" / "scène 3.jpg", secret)
    for change in ("other", "link", "folder", "pipe", "gone"):
        path.unlink()
        if change == "other":
            path.write_bytes(data[:-1] + b"!")
        elif change == "link":
            path.symlink_to(secret)
        elif change == "folder":
            path.symlink_to(home)
        elif change == "pipe" and sys.platform != "win32":
            os.mkfifo(path)
        for what in ("/original", "/thumbnail"):
            answer = client.get(address + what)
            assert answer.status_code == 404, (change, what)
            assert str(home) not in answer.text
        if change == "gone":
            path.touch()
    path.write_bytes(data)
    os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
    assert client.get(address + "/original").content == data


def test_only_what_lies_under_the_folders_allowed(home: Path) -> None:
    other, linked = home / "other", home / "linked"
    other.mkdir()
    linked.symlink_to(home / "pictures")
    for under, status in ((home / "pictures", 200), (linked, 200), (other, 404)):
        settings = settings_at(home, service__originals_under=(str(under),))
        with TestClient(create_app(settings)) as client:
            assert client.get(at(home, "scène 1.jpg") + "/original").status_code == status
            assert client.get(at(home, "book.pdf", "#page=1") + "/original").status_code == status


def test_thumbnails_are_bounded(tmp_path: Path) -> None:
    kept = Thumbnails(tmp_path, 1000)
    for number in range(20):
        kept.keep(f"{number:032x}", bytes(90))
        assert kept.find(f"{0:032x}") == bytes(90)  # asked for all the time: it stays
    assert kept.total <= 1000
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.jpg")) == kept.total
    assert kept.find(f"{1:032x}") is None
    kept.keep(f"{99:032x}", bytes(2000))
    assert kept.find(f"{99:032x}") is None
    again = Thumbnails(tmp_path, 1000)
    assert again.total == kept.total
    shutil.rmtree(tmp_path)
    assert again.find(f"{0:032x}") is None
    assert again.total < kept.total
