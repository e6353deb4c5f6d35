"""Pictures of half blocks: right colours, right shape."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from searchengine.present.terminal import has_true_colour, terminal_picture, terminal_sheet
from searchengine.present.text_width import display_width
from searchengine.records import Results

MakeResults = Callable[..., Results]
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def plain(text: str) -> list[str]:
    return ESCAPES.sub("", text).split("\n")


def test_two_pixels_a_character() -> None:
    image = Image.new("RGB", (2, 2))
    image.putdata([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)])
    assert terminal_picture(image, 2, true_colour=True) == (
        "\x1b[38;2;255;0;0;48;2;0;0;255m▀\x1b[38;2;0;255;0;48;2;255;255;255m▀\x1b[0m"
    )


def test_256_colours() -> None:
    image = Image.new("RGB", (2, 2))
    image.putdata([(255, 0, 0), (118, 118, 118), (0, 0, 0), (255, 255, 255)])
    assert terminal_picture(image, 2, true_colour=False) == (
        "\x1b[38;5;196;48;5;16m▀\x1b[38;5;243;48;5;231m▀\x1b[0m"
    )


@pytest.mark.parametrize(
    ("size", "width", "height", "shape"),
    [
        ((400, 200), 40, None, (40, 10)),
        ((200, 400), 40, None, (40, 40)),
        ((200, 400), 40, 10, (10, 10)),
        ((1, 1), 8, None, (8, 4)),
        ((1000, 1), 10, None, (10, 1)),
    ],
)
def test_shape(
    size: tuple[int, int], width: int, height: int | None, shape: tuple[int, int]
) -> None:
    lines = plain(terminal_picture(Image.new("RGB", size), width, height=height))
    assert (len(lines[0]), len(lines)) == shape
    assert len({*map(len, lines)}) == 1


def test_colour_depth_is_asked_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image.new("RGB", (2, 2))
    monkeypatch.setenv("COLORTERM", "truecolor")
    assert has_true_colour()
    assert "38;2;" in terminal_picture(image, 2)
    monkeypatch.setenv("COLORTERM", "")
    assert "38;5;" in terminal_picture(image, 2)


@pytest.mark.parametrize("width", [20, 26, 80, 200])
def test_sheet(make_results: MakeResults, tmp_path: Path, width: int) -> None:
    Image.new("RGB", (64, 48), "red").save(tmp_path / "a.png")
    results = make_results(
        ((tmp_path / "a.png").as_uri(), 0.5, {"caption": "one\x1b[31m\ntwo"}),
        ((tmp_path / "none.png").as_uri(), 0.4, {}),
        ("s3://b/c.jpg", 0.3, {"caption": "沙滩上的一只狗在追一个红色的球"}),
    )
    text = terminal_sheet(results, width, true_colour=True)
    lines = plain(text)
    assert max(map(display_width, lines)) <= width
    whole = "\n".join(lines)
    for words in ("1  0.5000", "3  0.3000", "none.png", "file is gone", "one\\x1b[31m"):
        assert words in whole


def test_texts_are_shown_in_words(make_results: MakeResults) -> None:
    results = make_results(
        ("file:///a/n.csv#row=1", 0.5, {"caption": "a dog runs " * 90}), modality="text"
    )
    lines = plain(terminal_sheet(results, 30))
    assert lines[1] == "│ a dog runs a dog runs  │"
    assert lines[9].endswith("… │")


def test_no_hits(make_results: MakeResults) -> None:
    assert terminal_sheet(make_results()) == "No hits among the 676 images of corpus 'default'."
