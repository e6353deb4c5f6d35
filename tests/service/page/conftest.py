"""The page in a real Chromium, over a real service of real photos."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from ingest import index
from searchengine.service.app import create_app
from tests.service.conftest import settings_at
from tests.service.live import listening

PHOTOS = 60
FIRST_DAY = datetime(2023, 1, 15, 12, 0)
CAMERAS = ("Nikon D70", "Canon EOS 5D")
TIMEOUT_MS = 60_000
"""Generous: what is tested is what happens, not how fast on a busy machine."""

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]


@dataclass(frozen=True)
class Served:
    """A service that listens, and what is behind it."""

    url: str
    app: FastAPI
    home: Path
    files: list[str]
    """Names of the photos in the order of their dates: every third day from ``FIRST_DAY``."""
    captions: dict[str, list[str]]

    def ask(self, question: dict[str, Any]) -> list[dict[str, Any]]:
        """The hits of a question, asked of the engine in this process."""
        from searchengine.present.formats import as_json
        from searchengine.query.json_form import query_from_json

        engine = self.app.state.service.corpora.engine("photos")
        hits: list[dict[str, Any]] = as_json(engine.answer(query_from_json(question)))["hits"]
        return hits


@pytest.fixture(scope="session")
def photo_home(
    photos: Path, photo_mini: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[str], dict[str, list[str]]]:
    """Photos with captions, dates, cameras and positions, indexed on Milvus Lite."""
    home = tmp_path_factory.mktemp("photos")
    (home / "photos").mkdir()
    with (photos / "coco-cc" / "captions.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines][:PHOTOS]
    with (home / "photos" / "captions.jsonl").open("w", encoding="utf-8") as told:
        for place, row in enumerate(rows):
            told.write(json.dumps({k: row[k] for k in ("file", "captions", "license")}) + "\n")
            data = (photos / "coco-cc" / row["file"]).read_bytes()
            (home / "photos" / row["file"]).write_bytes(_with_exif(data, place))
    report = index(
        [home / "photos"],
        corpus="photos",
        data_dir=home / "data",
        cache_dir=home / "cache",
        model__name=f"local-dir:{photo_mini}",
    )
    assert report.written == len(rows)
    return home, [row["file"] for row in rows], {row["file"]: row["captions"] for row in rows}


def _with_exif(data: bytes, place: int) -> bytes:
    """The same JPEG, pixel for pixel, with a date, a camera and a position."""
    exif = Image.Exif()
    make, _, model = CAMERAS[place % 2].partition(" ")
    exif[0x010F], exif[0x0110] = make, model
    exif.get_ifd(0x8769)[0x9003] = (FIRST_DAY + timedelta(days=3 * place)).strftime(
        "%Y:%m:%d %H:%M:%S"
    )
    gps = exif.get_ifd(0x8825)
    gps.update({1: "N", 2: (48.0, 51.0, float(place)), 3: "E", 4: (2.0, 17.0, 40.0)})
    body = exif.tobytes()
    return data[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + data[2:]


@pytest.fixture(scope="session")
def served(photo_home: tuple[Path, list[str], dict[str, list[str]]]) -> Iterator[Served]:
    """The photos, served; nobody writes to them."""
    home, files, captions = photo_home
    app = create_app(settings_at(home, corpus="photos", service__deadline_s=120))
    with listening(app) as url:
        all_of_it = Served(url, app, home, files, captions)
        all_of_it.ask({"query": "warm"})  # the model is loaded before the first page asks
        yield all_of_it


@pytest.fixture
def copied_home(photo_home: tuple[Path, list[str], dict[str, list[str]]], tmp_path: Path) -> Path:
    """A copy of the photos' index, for who writes to it."""
    shutil.copytree(photo_home[0] / "data", tmp_path / "data")
    shutil.copytree(photo_home[0] / "cache", tmp_path / "cache")
    return tmp_path


def _chromium() -> str:
    named = os.environ.get("SEARCHENGINE_TEST_CHROMIUM")
    found = named or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if found:
        return found
    what = "a Chromium (apt install chromium), on the PATH or in SEARCHENGINE_TEST_CHROMIUM"
    if os.environ.get("CI"):
        pytest.fail(f"CI runs all tests: they need {what}", pytrace=False)
    pytest.skip(f"needs {what}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of a file: its event loop must not outlive them."""
    path = _chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Watched:
    """What went wrong in a page that nobody may see go wrong."""

    expected: list[str] = field(default_factory=list)
    """Parts of messages that a test brings about on purpose."""
    seen: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def watch(self, page: Page) -> Page:
        page.on("pageerror", lambda error: self.seen.append(f"error: {error}"))
        page.on(
            "console",
            lambda said: self.seen.append(said.text) if said.type in ("error", "warning") else None,
        )
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname or ""))
        return page

    def check(self) -> None:
        wrong = [s for s in self.seen if not any(part in s for part in self.expected)]
        assert wrong == []
        # Nothing was asked of anybody else; blob: and data: have no host.
        assert self.hosts <= {"127.0.0.1", ""}


@pytest.fixture
def watched() -> Iterator[Watched]:
    """Fails a test whose pages wrote errors, broke their policy, or asked another host."""
    watched = Watched()
    yield watched
    watched.check()


@pytest.fixture
def open_page(browser: Browser, served: Served, watched: Watched) -> Iterator[Callable[..., Page]]:
    """Open the page: ``open_page("?q=a+dog", locale="zh-CN", viewport={...})``."""
    contexts: list[BrowserContext] = []

    def open_it(address: str = "", *, base: str | None = None, **options: Any) -> Page:
        chosen = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", **options}
        context = browser.new_context(**chosen)
        contexts.append(context)
        context.set_default_timeout(TIMEOUT_MS)
        page = watched.watch(context.new_page())
        page.goto(f"{base or served.url}/{address}")
        return page

    yield open_it
    for context in contexts:
        context.close()


def ids(page: Page) -> list[str]:
    """The hits in the grid, in order, as they are seen."""
    found: list[str] = page.locator("#grid li:not([hidden]) > a.hit").evaluate_all(
        "links => links.map(link => link.dataset.id)"
    )
    return found


def wait_for_answer(page: Page) -> None:
    """Wait until an answer, or a notice in its place, is there."""
    page.wait_for_function(
        "() => !document.body.classList.contains('busy') &&"
        " (document.querySelector('#grid a.hit') || document.querySelector('#notice h1'))"
    )
