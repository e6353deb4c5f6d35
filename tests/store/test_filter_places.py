"""Distances on the globe, and the boxes that stand for circles in a database."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from searchengine.errors import FilterError
from searchengine.store.filters import Within, filter_text, matches
from searchengine.store.filters.places import EARTH_RADIUS_M, Box, box_around, distance_m

degrees = st.sampled_from((0.0, 90.0, -90.0, 89.9999, -89.99999, 45.0)) | st.floats(-90, 90)
meridians = st.sampled_from((0.0, 180.0, -180.0, 179.9999, -179.9999)) | st.floats(-180, 180)
radii = st.sampled_from((0.0, 1.0, 1e3, 1e5, 1e7, 2.1e7)) | st.floats(0, 2.1e7)


def holds(box: Box, latitude: float, longitude: float) -> bool:
    return box.south <= latitude <= box.north and any(
        west <= longitude <= east for west, east in box.stretches
    )


def bearing(latitude: float, longitude: float, angle: float, metres: float) -> tuple[float, float]:
    """Return the position that many metres away, in the direction of ``angle`` (radians)."""
    arc, start = metres / EARTH_RADIUS_M, math.radians(latitude)
    sine = math.sin(start) * math.cos(arc) + math.cos(start) * math.sin(arc) * math.cos(angle)
    end = math.asin(max(-1.0, min(1.0, sine)))
    turn = math.atan2(
        math.sin(angle) * math.sin(arc) * math.cos(start),
        math.cos(arc) - math.sin(start) * sine,
    )
    east = (longitude + math.degrees(turn) + 180) % 360 - 180
    return math.degrees(end), east


@pytest.mark.parametrize(
    ("one", "other", "kilometres"),
    [
        ((0, 0), (0, 180), math.pi * 6371.0088),
        ((90, 17), (-90, -3), math.pi * 6371.0088),
        ((0, 0), (1, 0), math.pi * 6371.0088 / 180),
        ((0, 179.5), (0, -179.5), math.pi * 6371.0088 / 180),
        ((36.12, -86.67), (33.94, -118.4), 2886.44444 * 6371.0088 / 6371),  # BNA to LAX
        ((90, 10), (90, -120), 0),
    ],
)
def test_distances(one: tuple[float, float], other: tuple[float, float], kilometres: float) -> None:
    assert distance_m(*one, *other) == pytest.approx(1000 * kilometres, rel=2e-6, abs=1e-6)
    assert distance_m(*other, *one) == pytest.approx(distance_m(*one, *other), abs=1e-9)


def test_the_distance_is_that_of_the_vectors_between() -> None:
    """Against the angle between unit vectors, which knows nothing of haversines."""
    for latitude in range(-80, 90, 20):
        for longitude in range(-170, 190, 20):
            vectors = [
                (math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi))
                for phi, lam in (
                    (math.radians(latitude), math.radians(longitude)),
                    (math.radians(51.5), math.radians(-0.1)),
                )
            ]
            chord = math.dist(*vectors)
            expected = 2 * EARTH_RADIUS_M * math.asin(chord / 2)
            assert distance_m(latitude, longitude, 51.5, -0.1) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=1000, deadline=None, derandomize=True, database=None)
@given(degrees, meridians, radii, st.floats(0, 2 * math.pi), st.floats(0, 1))
@example(89.99999, 0.0, 1.0, 1.5, 1.0)
@example(60.0, 179.9, 1e6, 1.2, 1.0)
@example(0.0, -180.0, 0.0, 0.0, 0.0)
def test_the_box_holds_all_of_the_circle(
    latitude: float, longitude: float, radius: float, angle: float, part: float
) -> None:
    box = box_around(latitude, longitude, radius)
    for metres in (radius, radius * part):
        there = bearing(latitude, longitude, angle, metres)
        item = {"latitude": there[0], "longitude": there[1]}
        if matches(Within(latitude, longitude, radius), item):
            assert holds(box, *there)
    assert holds(box, latitude, longitude)


@settings(max_examples=1000, deadline=None, derandomize=True, database=None)
@given(degrees, meridians, radii, degrees, meridians)
def test_nothing_outside_the_box_is_near(
    latitude: float, longitude: float, radius: float, latitude2: float, longitude2: float
) -> None:
    if not holds(box_around(latitude, longitude, radius), latitude2, longitude2):
        assert distance_m(latitude, longitude, latitude2, longitude2) > radius


def test_the_box_is_not_much_larger_than_the_circle() -> None:
    box = box_around(48.85, 2.35, 20_000)
    [(west, east)] = box.stretches
    assert box.north - box.south == pytest.approx(2 * 20_000 / 111_195, rel=1e-3)
    assert east - west == pytest.approx(
        2 * 20_000 / 111_195 / math.cos(math.radians(48.85)), rel=1e-3
    )
    assert len(box_around(0, 179.99, 20_000).stretches) == 2
    assert len(box_around(0, -180, 20_000).stretches) == 2
    assert box_around(89.9, 0, 20_000).stretches == ((-180.0, 180.0),)


@pytest.mark.parametrize(
    ("latitude", "longitude", "expected"),
    [
        (-17.8, 179.99, True),
        (-17.8, -179.99, True),  # the other side of the date line: 2 km
        (-17.8, 179.0, False),
        (None, 179.99, False),
        (-17.8, None, False),
        (-100.0, 179.99, False),  # no position on this globe
        (-17.8, 539.99, False),
    ],
)
def test_within(latitude: float | None, longitude: float | None, expected: bool) -> None:
    item = {"latitude": latitude, "longitude": longitude}
    assert matches(Within(-17.8, 179.99, 5_000), item) is expected


def test_the_edge_belongs_to_it() -> None:
    away = distance_m(10, 20, 11, 21)
    item = {"latitude": 11.0, "longitude": 21.0}
    assert matches(Within(10, 20, away), item)
    assert not matches(Within(10, 20, math.nextafter(away, 0)), item)
    assert matches(Within(10, 20, 0), {"latitude": 10.0, "longitude": 20.0})


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ((90.1, 0, 1), "latitude"),
        ((math.nan, 0, 1), "latitude"),
        ((0, 180.1, 1), "longitude"),
        ((0, 10**400, 1), "longitude"),
        ((0, 0, -1), "distance"),
        ((0, 0, math.inf), "distance"),
        ((True, 0, 1), "latitude"),
        ((0, 0, "20km"), "distance"),
    ],
)
def test_what_is_no_place_is_refused(values: tuple[float, float, float], says: str) -> None:
    with pytest.raises(FilterError, match=says):
        Within(*values)


@pytest.mark.parametrize(
    ("metres", "text"),
    [(20_000, "20km"), (500, "500m"), (1500, "1.5km"), (4828.032, "4.828032km"), (0.25, "0.25m")],
)
def test_distances_are_written_as_people_do(metres: float, text: str) -> None:
    assert filter_text(Within(1, 2.5, metres)) == f"within(gps, 1, 2.5, {text})"
