"""When something is not as it should be: said in words, with the way on."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from searchengine.service.app import create_app
from searchengine.service.guard.keys import make_key
from tests.service.conftest import settings_at
from tests.service.live import listening
from tests.service.page.conftest import Watched, ids, wait_for_answer

OpenPage = Callable[..., Page]

expect.set_options(timeout=60_000)


@pytest.fixture
def keyed(copied_home: Path) -> Iterator[tuple[str, str]]:
    """A service that asks for a key: its address, and a key that may read."""
    secret, key = make_key("reader", "read")
    settings = settings_at(
        copied_home, corpus="photos", service__keys=key.entry, service__deadline_s=120
    )
    with listening(create_app(settings)) as url:
        yield url, secret


def test_a_key_is_asked_for(open_page: OpenPage, keyed: tuple[str, str], watched: Watched) -> None:
    watched.expected.append("401")
    url, secret = keyed
    page = open_page("?q=a+dog", base=url)
    expect(page.locator("#notice h1")).to_have_text("This service asks for a key")
    page.get_by_label("Key", exact=True).fill("no such key")
    page.get_by_role("button", name="Use this key").click()
    expect(page.locator("#notice .detail")).to_have_text("This key is not accepted.")
    page.get_by_label("Key", exact=True).fill(secret)
    page.keyboard.press("Enter")
    page.locator("#grid a.hit").first.wait_for()
    # Pictures come with the key, too; it stays in this tab, out of addresses and of what is kept.
    page.wait_for_function("() => document.querySelector('#grid img').naturalWidth > 0")
    kept = page.evaluate("() => JSON.stringify([{ ...localStorage }, location.href])")
    assert secret not in kept
    page.reload()
    page.locator("#grid a.hit").first.wait_for()
    again = open_page("?q=a+dog", base=url)
    expect(again.locator("#notice h1")).to_have_text("This service asks for a key")


@pytest.mark.parametrize(
    ("status", "words"),
    [(429, "Many people are searching just now"), (503, "The service is not ready")],
)
def test_it_is_tried_again(open_page: OpenPage, watched: Watched, status: int, words: str) -> None:
    watched.expected.append(str(status))
    page = open_page()
    page.locator("#notice h1").wait_for()
    refused = 0

    def refuse(route: Route) -> None:
        nonlocal refused
        refused += 1
        if refused > 1:
            route.continue_()
            return
        problem = {"title": "Overload", "detail": "too many wait", "status": status}
        route.fulfill(status=status, headers={"Retry-After": "2"}, body=json.dumps(problem))

    page.route("**/search", refuse)
    page.locator("#words").fill("a dog")
    page.keyboard.press("Enter")
    expect(page.locator("#notice h1")).to_have_text(words)
    expect(page.locator("#notice")).to_contain_text("again in")
    page.locator("#grid a.hit").first.wait_for()
    expect(page.locator("#notice")).to_be_hidden()


def test_the_service_is_away(open_page: OpenPage, watched: Watched) -> None:
    watched.expected.append("Failed to load")
    page = open_page("?q=a+dog")
    wait_for_answer(page)
    page.route("**/v1/**", lambda route: route.abort())
    page.locator("#words").fill("a cat")
    page.keyboard.press("Enter")
    expect(page.locator("#notice h1")).to_have_text("The service cannot be reached")
    expect(page.locator("#words")).to_have_value("a cat")
    page.unroute("**/v1/**")
    page.get_by_role("button", name="Try again").click()
    page.locator("#grid a.hit").first.wait_for()


def test_a_query_that_cannot_be_read(open_page: OpenPage, watched: Watched) -> None:
    watched.expected.append("422")
    page = open_page("?q=a+dog&sort=uri&filter=width+%3E+%22a%22")
    expect(page.locator("#notice h1")).to_have_text("The search cannot be read")
    expect(page.locator("#notice .detail")).to_contain_text("width")


def test_an_empty_service_says_how_to_fill_it(open_page: OpenPage, tmp_path: Path) -> None:
    with listening(create_app(settings_at(tmp_path, corpus="holidays"))) as url:
        page = open_page(base=url)
        expect(page.locator("#notice h1")).to_have_text("Nothing is indexed yet")
        expect(page.locator("#notice code")).to_have_text(
            "searchengine index ~/Pictures --corpus holidays"
        )


def jpeg(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (320, 240), colour).save(file, "JPEG")
    return file.getvalue()


def test_pictures_are_added_and_failures_listed(open_page: OpenPage, copied_home: Path) -> None:
    from ingest.direct import DirectWriter

    settings = settings_at(copied_home, corpus="photos", service__deadline_s=120)
    with listening(create_app(settings, writer=DirectWriter(settings))) as url:
        page = open_page("?q=plain+red", base=url)
        wait_for_answer(page)
        before = ids(page)
        page.get_by_role("button", name="Add pictures").click()
        expect(page.locator("#watched")).to_contain_text("60")
        page.locator("#add-files").set_input_files(
            [
                {"name": "red.jpg", "mimeType": "image/jpeg", "buffer": jpeg("red")},
                {"name": "broken.jpg", "mimeType": "image/jpeg", "buffer": jpeg("red")[:300]},
            ]
        )
        expect(page.locator("#own-job .failures")).to_contain_text("broken.jpg")
        expect(page.locator("#own-job")).to_contain_text("1 of 2 added")
        expect(page.locator("#watched")).to_contain_text("61")
        told = page.evaluate(
            "async () => (await (await fetch(progress)).json()).jobs".replace(
                "progress", "'/v1/corpora/photos/progress'"
            )
        )
        assert [(job["total"], job["done"], job["failed"]) for job in told] == [(2, 1, 1)]
        # Who comes later is told of it, too.
        page.locator("#adding-close").click()
        late = open_page(base=url)
        late.locator("#notice h1").wait_for()
        late.get_by_role("button", name="Add pictures").click()
        expect(late.locator("#jobs .failures li")).to_have_count(1)
        late.close()
        page.wait_for_function("n => document.querySelectorAll('#grid a.hit').length > 0", arg=0)
        expect(page.locator("#count")).to_contain_text("61 pictures")
        assert ids(page) != before
