"""The overlay shows heat where it is, names the query, and refuses what it cannot write."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from searchengine.errors import NotFoundError, UsageError
from searchengine.explain.explanation import Explanation
from searchengine.explain.heat import HeatMap, Region
from searchengine.explain.overlay import colours, heated, overlay, write_overlay
from searchengine.records import Item

PICTURE = Image.new("RGB", (120, 90), (90, 140, 90))


def hot_on_the_left() -> HeatMap:
    grid = np.zeros((9, 12), dtype=np.float32)
    grid[3:6, 1:4] = 0.2
    return HeatMap(grid, 0.3, Region((1 / 12, 1 / 3, 4 / 12, 2 / 3), 0.25))


def explained(heat: HeatMap, query: str = "a red boat") -> Explanation:
    item = Item("0" * 32, "file:///a.jpg", "image", "1", "0", 1, 0, "image/jpeg")
    return Explanation(item, query, 0.31, (), heat)


def test_colours_get_lighter_with_heat() -> None:
    steps = colours(np.linspace(0, 1, 50)).astype(float)
    lightness = steps @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()
    assert (colours(np.array([-1.0, 2.0])) == colours(np.array([0.0, 1.0]))).all()


def test_heat_is_where_the_map_has_it() -> None:
    shown = np.asarray(heated(PICTURE, hot_on_the_left())).astype(int)
    hot, cold = shown[45, 25], shown[45, 95]
    assert hot[0] - hot[2] > 60  # yellow: red without blue
    assert abs(cold[0] - cold[2]) < 20


def test_nothing_is_framed_where_nothing_speaks_for_the_query() -> None:
    cold = HeatMap(np.full((9, 12), -0.1, np.float32), 0.3, Region((0, 0, 1, 1), -0.2))
    shown = np.asarray(heated(PICTURE, cold)).astype(int)
    assert (shown == shown[0, 0]).all()


@pytest.mark.parametrize("size", [(640, 480), (40, 900), (2000, 30), (1, 1)])
def test_every_shape_of_picture_is_drawn(size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size, (200, 30, 30))
    sheet = overlay(picture, explained(hot_on_the_left(), "一艘红船 " + "very long words " * 40))
    assert sheet.mode == "RGB"
    assert sheet.width > 2 * min(260, sheet.height)


def test_files(tmp_path: Path) -> None:
    explanation = explained(hot_on_the_left())
    target = tmp_path / "new" / "map.png"
    write_overlay(target, PICTURE, explanation)
    with Image.open(target) as written:
        assert written.format == "PNG"
    with pytest.raises(UsageError, match=r"\.gif"):
        write_overlay(tmp_path / "map.gif", PICTURE, explanation)
    (tmp_path / "file").write_text("")
    with pytest.raises(NotFoundError, match="cannot write"):
        write_overlay(tmp_path / "file" / "map.png", PICTURE, explanation)


def test_another_query_gives_another_picture() -> None:
    first = overlay(PICTURE, explained(hot_on_the_left()))
    other = overlay(PICTURE, replace(explained(hot_on_the_left()), query="a dog"))
    assert first.size == other.size
    assert first.tobytes() != other.tobytes()
