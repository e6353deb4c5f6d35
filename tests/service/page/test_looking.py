"""One result, large: from it to others, and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.service.page.conftest import Served, Watched, ids, wait_for_answer

OpenPage = Callable[..., Page]

expect.set_options(timeout=60_000)


def opened(page: Page, place: int = 0) -> str:
    """Open a result; returns its id."""
    wait_for_answer(page)
    link = page.locator("#grid a.hit").nth(place)
    id = link.get_attribute("data-id")
    link.click()
    page.locator("dialog#hit[open]").wait_for()
    assert id
    return id


def test_a_result_large(open_page: OpenPage, served: Served) -> None:
    page = open_page("?q=a+plate+of+food")
    id = opened(page)
    dialog = page.locator("dialog#hit")
    hit = served.ask({"query": "a plate of food", "limit": 1})[0]
    assert f"item={id}" in page.url
    assert hit["id"] == id
    known = hit["metadata"]
    for said in (
        known["caption"].splitlines()[1],
        known["path"].rsplit("/", 1)[1],
        known["camera"],
        "2023",
        "° N",
        "° E",
        f"{known['width']} × {known['height']}",
        f"{round(100 * hit['relevance'])}%",
    ):
        expect(dialog.locator("#hit-side")).to_contain_text(said)
    # The original takes the thumbnail's place.
    page.wait_for_function(
        "width => document.querySelector('#hit-stage img').naturalWidth === width",
        arg=known["width"],
    )
    why = dialog.locator("#why")
    expect(why.locator(".effects li")).to_have_count(1)
    expect(why.locator("mark")).to_have_count(4)
    why.get_by_role("button", name="Show where").click()
    expect(page.locator("#hit-stage canvas")).to_be_visible()
    with page.expect_download() as saved:
        dialog.get_by_role("button", name="Download").click()
    assert saved.value.suggested_filename == known["path"].rsplit("/", 1)[1]
    assert saved.value.path().read_bytes() == Path(known["path"]).read_bytes()


def test_copy_path(open_page: OpenPage, served: Served) -> None:
    page = open_page("?q=a+dog", permissions=["clipboard-read", "clipboard-write"])
    opened(page)
    page.locator("dialog#hit").get_by_role("button", name="Copy path").click()
    expect(page.locator("#hit-side .acts")).to_contain_text("Copied")
    path = served.ask({"query": "a dog", "limit": 1})[0]["metadata"]["path"]
    assert page.evaluate("navigator.clipboard.readText()") == path


def test_previous_next_and_back(open_page: OpenPage) -> None:
    page = open_page("?q=a+dog")
    wait_for_answer(page)
    all_ids = ids(page)
    page.evaluate("() => scrollTo(0, 150)")
    opened(page, 3)
    page.keyboard.press("ArrowRight")
    page.wait_for_url(f"**item={all_ids[4]}*")
    page.get_by_role("button", name="Previous result").click()
    page.get_by_role("button", name="Previous result").click()
    page.wait_for_url(f"**item={all_ids[2]}*")
    # However many were looked at, Back is one step, and leads to where one was.
    page.go_back()
    page.locator("dialog#hit:not([open])").wait_for(state="attached")
    assert ids(page)[: len(all_ids)] == all_ids
    assert page.evaluate("() => document.activeElement.dataset.id") == all_ids[2]
    page.go_forward()
    page.locator("dialog#hit[open]").wait_for()
    page.keyboard.press("Escape")
    page.locator("dialog#hit:not([open])").wait_for(state="attached")
    assert "item=" not in page.url


def test_more_and_less_like_this(open_page: OpenPage, served: Served) -> None:
    page = open_page("?q=food")
    id = opened(page, 1)
    page.get_by_role("button", name="Less like this").click()
    page.locator("#parts .chip.id.away").wait_for()
    wait_for_answer(page)
    terms = [{"text": "food"}, {"id": id, "weight": -0.5}]
    wanted = [hit["id"] for hit in served.ask({"terms": terms, "limit": 40})]
    assert ids(page)[:8] == wanted[:8]
    other = opened(page)
    page.get_by_role("button", name="More like this").click()
    page.locator("#parts .chip.id:not(.away)").wait_for()
    wait_for_answer(page)
    like = {"terms": [{"id": other}], "exclude": [other], "limit": 40}
    assert ids(page)[:8] == [hit["id"] for hit in served.ask(like)][:8]
    page.go_back()
    page.locator("dialog#hit[open]").wait_for()
    page.go_back()
    page.locator("dialog#hit:not([open])").wait_for(state="attached")
    assert ids(page)[:8] == wanted[:8]


def test_a_result_by_its_address_alone(open_page: OpenPage, served: Served) -> None:
    id = served.ask({"query": "a dog", "limit": 1})[0]["id"]
    page = open_page(f"?item={id}")
    dialog = page.locator("dialog#hit[open]")
    dialog.wait_for()
    expect(dialog.locator("#hit-side")).to_contain_text("File")
    expect(dialog.locator("#why")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("#notice h1")).to_have_text("Find it by describing it")


def test_within_five_kilometres(open_page: OpenPage, served: Served) -> None:
    page = open_page("?q=a+person")
    opened(page)
    page.get_by_role("button", name="Within 5 km of here").click()
    page.wait_for_url("**filter=within*")
    wait_for_answer(page)
    # All were taken along one street of Paris, 1.8 km long.
    assert len(ids(page)) > 8


def test_an_item_that_is_not_there(open_page: OpenPage, watched: Watched) -> None:
    watched.expected.append("404")
    page = open_page("?item=" + "0" * 32)
    expect(page.locator("#notice h1")).to_have_text("There is no such thing here")
    expect(page.locator("#notice")).to_contain_text("photos")
