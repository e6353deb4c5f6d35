"""Searching: words, pictures, mixtures, filters, the cut, the order, the address."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.service.page.conftest import Served, Watched, ids, wait_for_answer

OpenPage = Callable[..., Page]

expect.set_options(timeout=60_000)

_DROP = """
([data, name, type]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, { type }));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    const options = { dataTransfer, bubbles: true, cancelable: true };
    document.body.dispatchEvent(new DragEvent(kind, options));
  }
}
"""


def type_and_ask(page: Page, words: str) -> None:
    page.locator("#words").fill(words)
    page.keyboard.press("Enter")
    wait_for_answer(page)


def drop(page: Page, path: Path) -> None:
    page.evaluate(_DROP, [base64.b64encode(path.read_bytes()).decode(), path.name, "image/jpeg"])
    page.locator("#parts .chip.picture").last.wait_for()
    wait_for_answer(page)


def expected(served: Served, terms: list[dict[str, object]], **more: object) -> list[str]:
    return [hit["id"] for hit in served.ask({"terms": terms, "limit": 40, **more})]


def test_words(open_page: OpenPage, served: Served) -> None:
    page = open_page()
    expect(page.locator("#notice h1")).to_have_text("Find it by describing it")
    expect(page.locator("#notice .held")).to_contain_text("60 pictures")
    expect(page.locator("#words")).to_be_focused()
    caption = served.captions[served.files[0]][0]
    type_and_ask(page, caption)
    wanted = expected(served, [{"text": caption}])
    assert ids(page) == wanted[: len(ids(page))]
    assert len(ids(page)) > 8
    # The thumbnails are really there, and have words.
    first = page.locator("#grid img").first
    page.wait_for_function("() => document.querySelector('#grid img').naturalWidth > 0")
    assert first.get_attribute("alt")
    assert "q=" in page.url
    assert caption in page.title()


def test_endless_and_nothing_moves(open_page: OpenPage, served: Served) -> None:
    page = open_page("?q=a+person")
    page.evaluate(
        """() => { window.shifted = 0; new PerformanceObserver((list) => {
             for (const entry of list.getEntries())
               if (!entry.hadRecentInput) shifted += entry.value;
           }).observe({ type: "layout-shift", buffered: false }); }"""
    )
    wait_for_answer(page)
    where = (
        "() => [...document.querySelectorAll('#grid li:not([hidden])')].map((one) =>"
        " one.getBoundingClientRect()).map((box) => [box.left, box.top + scrollY, box.width])"
    )
    before = page.evaluate(where)
    right = page.evaluate("() => document.querySelector('#grid').getBoundingClientRect().right")
    page.wait_for_function(
        "() => { scrollTo(0, document.body.scrollHeight); return document.querySelector"
        "('#grid-foot').dataset.state === 'end' }"
    )
    assert ids(page) == [h["id"] for h in served.ask({"query": "a person", "limit": 100})]
    after = page.evaluate(where)
    assert after[: len(before)] == before
    # Every full row ends at the right edge.
    rows = sorted({top for _, top, _ in after})[:-1]
    for top in rows:
        assert max(x + w for x, y, w in after if y == top) == pytest.approx(right, abs=1)
    assert page.evaluate("() => shifted") < 0.01


def test_a_dropped_picture_finds_itself(open_page: OpenPage, served: Served) -> None:
    page = open_page()
    file = served.files[7]
    drop(page, served.home / "photos" / file)
    data = base64.b64encode((served.home / "photos" / file).read_bytes()).decode()
    assert ids(page)[:8] == expected(served, [{"image_base64": data}])[:8]
    assert file in served.ask({"terms": [{"id": ids(page)[0]}], "limit": 1})[0]["uri"]
    # It is in this browser: a reload finds it again.
    found = ids(page)
    page.reload()
    wait_for_answer(page)
    assert ids(page) == found
    assert page.locator("#parts .chip.picture img").evaluate("img => img.naturalWidth") > 0


def test_a_chosen_picture_with_words(open_page: OpenPage, served: Served) -> None:
    page = open_page()
    path = served.home / "photos" / served.files[3]
    page.locator("#choose").set_input_files(path)
    page.locator("#parts .chip.picture").wait_for()
    wait_for_answer(page)
    type_and_ask(page, "on a table")
    data = base64.b64encode(path.read_bytes()).decode()
    wanted = expected(served, [{"text": "on a table"}, {"image_base64": data}])
    assert ids(page)[:8] == wanted[:8]


def test_a_picture_that_another_browser_has(open_page: OpenPage) -> None:
    page = open_page("?t=1:picture:0123456789abcdef")
    expect(page.locator("#notice .detail")).to_contain_text("no longer in this browser")


def test_parts_weights_and_what_is_left_out(open_page: OpenPage, served: Served) -> None:
    page = open_page()
    type_and_ask(page, "2:a street + a car - people")
    chips = page.locator("#parts .chip")
    expect(chips).to_have_count(3)
    expect(chips.nth(2)).to_have_class("chip text away")
    expect(page.locator("#words")).to_have_value("")
    terms = [
        {"text": "a street", "weight": 2},
        {"text": "a car"},
        {"text": "people", "weight": -1},
    ]
    assert ids(page)[:8] == expected(served, terms)[:8]
    # A weight by keyboard; the part's own menu; taking one away.
    chips.nth(1).locator("button").first.focus()
    page.keyboard.press("+")
    page.wait_for_url("**t=1.25*")
    chips.nth(0).locator("button").first.click()
    menu = page.locator("#part-menu")
    expect(menu).to_be_visible()
    menu.get_by_label("Leave it out").check(force=True)
    menu.get_by_role("slider").fill("0.5")
    menu.get_by_role("button", name="Done").click()
    page.wait_for_url("**t=-0.5*")
    wait_for_answer(page)
    terms = [{"text": "a street", "weight": -0.5}, {"text": "a car", "weight": 1.25}, terms[2]]
    assert ids(page)[:8] == expected(served, terms)[:8]
    chips.nth(2).get_by_role("button", name="Remove").click()
    expect(chips).to_have_count(2)


def test_filters_facets_and_a_condition(
    open_page: OpenPage, served: Served, watched: Watched
) -> None:
    watched.expected.append("422")
    page = open_page("?q=a+plate+of+food")
    wait_for_answer(page)
    facet = page.locator("#facets .facet", has_text="Camera")
    expect(facet.locator(".value")).to_have_count(2)
    facet.get_by_label("Nikon D70").check()
    page.wait_for_url("**is=camera*")
    page.locator("#from").fill("2023-02-01")
    page.wait_for_url("**from=2023-02-01*")
    page.locator("#own-text").fill("width > 500")
    page.locator("#own").get_by_role("button").click()
    page.wait_for_url("**filter=*")
    wait_for_answer(page)
    where = 'width > 500 and taken_at >= 2023-02-01 and camera == "Nikon D70"'
    wanted = expected(served, [{"text": "a plate of food"}], filter=where)
    assert 0 < len(wanted) < 40
    assert ids(page) == wanted
    expect(page.locator("#filters-count")).to_have_text("3")
    page.locator("#own-text").fill("widht > 500")
    page.locator("#own").get_by_role("button").click()
    expect(page.locator("#notice h1")).to_have_text("The search cannot be read")
    # The mark stands under the word that is wrong.
    assert page.locator("#notice .caret").inner_text().splitlines()[:2] == ["widht > 500", "▲"]
    expect(page.locator("#notice .hint")).to_contain_text("width")
    page.locator("#filters-clear").click()
    wait_for_answer(page)
    assert ids(page) == expected(served, [{"text": "a plate of food"}])[: len(ids(page))]


def test_only_what_stands_out(open_page: OpenPage, served: Served) -> None:
    page = open_page("?q=a+plate+of+food")
    wait_for_answer(page)
    page.get_by_role("switch", name="Only what stands out").check(force=True)
    page.wait_for_url("**only=1*")
    wait_for_answer(page)
    wanted = expected(served, [{"text": "a plate of food"}], relevant_only=True)
    assert 0 < len(wanted) < 40
    assert ids(page) == wanted
    expect(page.locator("#count")).to_contain_text(f"{len(wanted)} stand")


def test_nothing_stands_out(open_page: OpenPage, served: Served) -> None:
    words = "a medieval manuscript page about astronomy"
    assert expected(served, [{"text": words}], relevant_only=True) == []
    page = open_page("?only=1&q=" + words.replace(" ", "+"))
    expect(page.locator("#notice h1")).to_have_text("Nothing stands out")
    expect(page.locator("#notice")).to_contain_text("60 items")
    page.get_by_role("button", name="Show the nearest anyway").click()
    wait_for_answer(page)
    assert len(ids(page)) > 8
    expect(page.locator("#nearest")).to_be_visible()


def test_sorted_by_date(open_page: OpenPage, served: Served) -> None:
    page = open_page("?q=a+plate+of+food")
    wait_for_answer(page)
    page.get_by_label("Sort").select_option("Newest first")
    page.wait_for_url("**sort=-taken_at*")
    wait_for_answer(page)
    hits = {hit["id"]: hit for hit in served.ask({"query": "a plate of food", "limit": 60})}
    dates = [hits[id]["metadata"]["taken_at"] for id in ids(page)]
    assert dates == sorted(dates, reverse=True)
    assert len(dates) > 1
    only = page.get_by_role("switch", name="Only what stands out")
    expect(only).to_be_checked()
    expect(only).to_be_disabled()


def test_captions_too(open_page: OpenPage, served: Served) -> None:
    words = served.captions[served.files[20]][1]
    page = open_page("?hybrid=1&q=" + words.replace(" ", "+"))
    wait_for_answer(page)
    assert ids(page)[:8] == expected(served, [{"text": words}], hybrid=True)[:8]
    assert ids(page)[:8] != expected(served, [{"text": words}])[:8]


def test_back_and_forward(open_page: OpenPage, served: Served) -> None:
    page = open_page()
    type_and_ask(page, "a dog")
    dogs = ids(page)
    type_and_ask(page, "an airplane")
    planes = ids(page)
    assert planes != dogs
    page.go_back()
    page.wait_for_function("() => document.querySelector('#words').value === 'a dog'")
    wait_for_answer(page)
    assert ids(page)[: len(dogs)] == dogs
    page.go_forward()
    page.wait_for_function("() => document.querySelector('#words').value === 'an airplane'")
    wait_for_answer(page)
    assert ids(page)[: len(planes)] == planes
    page.go_back()
    page.go_back()
    expect(page.locator("#notice h1")).to_have_text("Find it by describing it")
    # The address alone brings it all back.
    again = open_page("?q=a+dog")
    wait_for_answer(again)
    assert ids(again) == dogs
