"""The map is hottest where the thing is, on every encoder, and says so in shares of the picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from searchengine.encoders.fake import COLOURS, FakeEncoder
from searchengine.explain.heat import CELLS, HeatMap, grid_shape, heat_map


def scene(boxes: dict[str, tuple[int, int, int, int]], size: tuple[int, int]) -> Image.Image:
    picture = Image.new("RGB", size, COLOURS["white"])
    for colour, box in boxes.items():
        ImageDraw.Draw(picture).rectangle(box, fill=COLOURS[colour])
    return picture


def look(picture: Image.Image, words: str) -> HeatMap:
    encoder = FakeEncoder()
    return heat_map(picture, encoder.encode_texts([words])[0], encoder)


def hottest(heat: HeatMap) -> tuple[float, float]:
    """Return where the hottest cell's middle is, as shares of width and height."""
    row, column = divmod(int(heat.grid.argmax()), heat.columns)
    return (column + 0.5) / heat.columns, (row + 0.5) / heat.rows


RED_LEFT_BLUE_RIGHT = scene({"red": (20, 60, 90, 130), "blue": (220, 100, 290, 170)}, (320, 240))


def test_hottest_is_the_thing_that_was_asked_for() -> None:
    x, y = hottest(look(RED_LEFT_BLUE_RIGHT, "red"))
    assert 20 / 320 < x < 90 / 320
    assert 60 / 240 < y < 130 / 240
    x, y = hottest(look(RED_LEFT_BLUE_RIGHT, "blue"))
    assert 220 / 320 < x < 290 / 320
    assert 100 / 240 < y < 170 / 240


def test_the_strongest_region_is_around_it_and_matters() -> None:
    heat = look(RED_LEFT_BLUE_RIGHT, "red")
    left, top, right, bottom = heat.strongest.box
    assert 0 <= left < 55 / 320 < right < 0.5
    assert 0 <= top < 95 / 240 < bottom <= 1
    assert heat.strongest.drop > 0.05
    assert "left" in heat.strongest.where


def test_what_speaks_against_the_query_is_below_zero() -> None:
    heat = look(RED_LEFT_BLUE_RIGHT, "red")
    row, column = round(135 / 240 * heat.rows - 0.5), round(255 / 320 * heat.columns - 0.5)
    assert heat.grid[row, column] < 0


def test_the_score_is_the_whole_picture_s_cosine() -> None:
    encoder = FakeEncoder()
    query = encoder.encode_texts(["red"])[0]
    whole = encoder.encode_images(encoder.preprocess(RED_LEFT_BLUE_RIGHT)[None])[0]
    # The picture is shrunk before it is covered, so the hash that tells inputs apart differs.
    assert look(RED_LEFT_BLUE_RIGHT, "red").score == pytest.approx(float(whole @ query), abs=0.03)


@pytest.mark.parametrize("size", [(320, 240), (240, 320), (64, 64), (2000, 40), (3, 900), (1, 1)])
def test_every_shape_has_a_map(size: tuple[int, int]) -> None:
    picture = scene({"red": (0, 0, size[0] // 3, size[1] // 3)}, size)
    heat = look(picture, "red")
    assert heat.grid.shape == grid_shape(*size)
    assert heat.grid.dtype == np.float32
    assert np.isfinite(heat.grid).all()
    left, top, right, bottom = heat.strongest.box
    assert 0 <= left < right <= 1
    assert 0 <= top < bottom <= 1


def test_cells_are_as_square_as_they_can_be() -> None:
    assert grid_shape(320, 240) == (9, CELLS)
    assert grid_shape(240, 320) == (CELLS, 9)
    assert grid_shape(2000, 40) == (3, CELLS)


def test_an_even_picture_has_an_even_map() -> None:
    heat = look(Image.new("RGB", (200, 200), COLOURS["red"]), "red")
    assert np.allclose(heat.grid, 0, atol=1e-6)


def test_progress_ends_where_it_said() -> None:
    told: list[tuple[int, int]] = []
    encoder = FakeEncoder()
    query = encoder.encode_texts(["red"])[0]
    heat_map(RED_LEFT_BLUE_RIGHT, query, encoder, on_progress=lambda n, of: told.append((n, of)))
    assert told[-1][0] == told[-1][1]
    assert [n for n, _ in told] == sorted({n for n, _ in told})


def test_the_same_picture_gives_the_same_map() -> None:
    one, other = look(RED_LEFT_BLUE_RIGHT, "red"), look(RED_LEFT_BLUE_RIGHT, "red")
    assert np.array_equal(one.grid, other.grid)
    assert one.strongest == other.strongest
