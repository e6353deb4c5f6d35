"""For everybody: both languages, both themes, keyboards, phones, and what axe finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.service.page.conftest import Watched, ids, wait_for_answer

OpenPage = Callable[..., Page]

expect.set_options(timeout=60_000)

PHONE = {"width": 390, "height": 844}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong with the page as it is now, WCAG 2.2 AA and good practice."""
    page.evaluate("() => Promise.allSettled(document.getAnimations().map((one) => one.finished))")
    options = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": RULES}}
    found: dict[str, Any] = Axe().run(page, options=options).response
    assert len(found["passes"]) > 10
    return [
        f"{one['id']} ({one['impact']}): {[node['html'][:160] for node in one['nodes']]}"
        for one in found["violations"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(open_page: OpenPage, theme: str) -> None:
    page = open_page(color_scheme=theme)
    page.locator("#notice h1").wait_for()
    assert violations(page) == []
    page.goto(page.url + "?q=a+plate+of+food&t=0.5:text:a+meal&t=-0.25:text:a+dog")
    wait_for_answer(page)
    page.locator("#facets .facet").first.wait_for()
    page.wait_for_function("() => document.querySelector('#grid img.there')")
    assert violations(page) == []
    page.locator("#parts .chip button").first.click()
    page.locator("#part-menu:popover-open").wait_for()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.locator("#grid a.hit").first.click()
    page.locator("#why .effects").wait_for()
    page.wait_for_function("() => document.querySelector('#hit-stage img.there')")
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.locator("dialog#hit:not([open])").wait_for(state="attached")
    page.locator("#help-open").click()
    assert violations(page) == []
    page.locator("#help-close").click()
    page.locator("#add-open").click()
    expect(page.locator("#watched")).to_contain_text("60")
    assert violations(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_a_phone(open_page: OpenPage, watched: Watched, theme: str) -> None:
    watched.expected.append("422")
    page = open_page("?q=a+dog&filter=(", viewport=PHONE, color_scheme=theme)
    page.locator("#notice .caret").wait_for()
    assert violations(page) == []
    page.goto(page.url.split("?")[0] + "?only=1&q=a+medieval+manuscript+page+about+astronomy")
    expect(page.locator("#notice h1")).to_have_text("Nothing stands out")
    assert violations(page) == []
    page.locator("#filters-open").click()
    assert violations(page) == []


def test_phone(open_page: OpenPage) -> None:
    page = open_page("?q=a+plate+of+food", viewport=PHONE, has_touch=True)
    wait_for_answer(page)
    fits = "() => document.documentElement.scrollWidth <= innerWidth"
    assert page.evaluate(fits)
    # WCAG 2.5.8: targets are 24 pixels wide and high.
    small = page.evaluate(
        """() => [...document.querySelectorAll('button, a[href], select, label.choose, .switch')]
             .filter((one) => one.offsetParent !== null && !one.matches('.skip'))
             .map((one) => [one.getBoundingClientRect(), one.outerHTML.slice(0, 80)])
             .filter(([box]) => box.width > 0 && (box.width < 24 || box.height < 24))
             .map(([, html]) => html)"""
    )
    assert small == []
    expect(page.locator("#filters")).to_be_hidden()
    page.locator("#filters-open").tap()
    page.locator("#facets .value").first.wait_for()
    page.get_by_role("button", name="Close filters").tap()
    expect(page.locator("#filters")).to_be_hidden()
    page.locator("#grid a.hit").first.tap()
    page.locator("#why .effects").wait_for()
    assert page.evaluate("() => document.querySelector('#hit').scrollWidth <= innerWidth")
    page.get_by_role("button", name="Close").tap()
    page.locator("dialog#hit:not([open])").wait_for(state="attached")
    assert page.evaluate(fits)


def test_chinese(open_page: OpenPage) -> None:
    page = open_page("?q=a+dog", locale="zh-CN")
    wait_for_answer(page)
    assert page.locator("html").get_attribute("lang") == "zh"
    expect(page.get_by_role("switch", name="只看匹配的")).to_be_attached()
    expect(page.locator("#count")).to_contain_text("60 张图片")
    page.get_by_role("button", name="English").click()
    expect(page.locator("#count")).to_contain_text("60 pictures")
    page.reload()
    wait_for_answer(page)
    assert page.locator("html").get_attribute("lang") == "en"
    page.locator("#grid a.hit").first.click()
    page.locator("#why .effects").wait_for()
    english = page.locator("#hit-side").inner_text()
    assert "Why it matches" in english
    page.keyboard.press("Escape")
    page.get_by_role("button", name="中文").click()
    page.locator("#grid a.hit").first.click()
    expect(page.locator("#why h3")).to_have_text("为什么匹配")


def test_themes(open_page: OpenPage) -> None:
    page = open_page(color_scheme="light")
    background = "() => getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    theme = page.locator("#theme")
    theme.click()  # light
    assert page.evaluate(background) == light
    theme.click()  # dark
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == dark
    theme.click()  # the system's
    assert page.evaluate(background) == light
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(background) == dark


def test_keyboard_alone(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("#notice h1").wait_for()
    press = page.keyboard.press
    page.keyboard.type("a dog")
    press("Enter")
    wait_for_answer(page)
    first = ids(page)
    # From the box to the results: every stop can be seen.
    for _ in range(40):
        press("Tab")
        now = page.evaluate(
            """() => { const one = document.activeElement;
                 const shown = one.matches('.choice input, .switch input, .choose input')
                   ? one.parentElement.querySelector('.track, span') ?? one.parentElement : one;
                 const style = getComputedStyle(shown);
                 const mine = getComputedStyle(one);
                 return [one.dataset.id ?? '', style.outlineStyle !== 'none' || mine.outlineStyle
                   !== 'none' || one.id === 'words' || getComputedStyle(one.parentElement)
                   .outlineStyle !== 'none', one.outerHTML.slice(0, 120)] }"""
        )
        assert now[1], f"the focus cannot be seen on {now[2]}"
        if now[0]:
            break
    assert now[0] == first[0]
    press("ArrowRight")
    press("ArrowRight")
    press("ArrowDown")
    below = page.evaluate("() => document.activeElement.dataset.id")
    assert first.index(below) > 2
    press("ArrowUp")
    press("Home")
    press("ArrowRight")
    press("Enter")
    page.locator("dialog#hit[open]").wait_for()
    assert f"item={first[1]}" in page.url
    press("ArrowRight")
    page.wait_for_url(f"**item={first[2]}*")
    press("Escape")
    page.locator("dialog#hit:not([open])").wait_for(state="attached")
    assert page.evaluate("() => document.activeElement.dataset.id") == first[2]
    press("m")
    page.locator("#parts .chip.id").wait_for()
    wait_for_answer(page)
    page.evaluate("() => document.activeElement.blur()")
    press("?")
    expect(page.locator("#help #keys")).to_contain_text("More like this")
    press("Escape")
    press("s")
    page.wait_for_url("**only=1*")
    press("/")
    expect(page.locator("#words")).to_be_focused()
    page.keyboard.type("s? /")  # letters are letters where one types
    expect(page.locator("#words")).to_have_value("s? /")


def test_single_keys_can_be_switched_off(open_page: OpenPage) -> None:
    page = open_page("?q=a+dog")
    wait_for_answer(page)
    page.locator("#help-open").click()
    page.locator("#letters").uncheck(force=True)
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_hidden()
    assert "only" not in page.url


def test_nothing_moves_for_who_wants_that(open_page: OpenPage) -> None:
    page = open_page("?q=a+dog", reduced_motion="reduce")
    wait_for_answer(page)
    moving = page.evaluate(
        """() => [...document.querySelectorAll('*')].filter((one) =>
             getComputedStyle(one).transitionDuration.split(', ').some((time) => time !== '0s') ||
             getComputedStyle(one).animationName !== 'none').length"""
    )
    assert moving == 0


def test_wide(open_page: OpenPage) -> None:
    page = open_page("?q=a+dog", viewport={"width": 2560, "height": 1300})
    wait_for_answer(page)
    widths = page.locator("#grid li:not([hidden])").evaluate_all(
        "tiles => tiles.map(tile => tile.getBoundingClientRect().width)"
    )
    assert len(widths) > 20
    assert max(widths) < 900
