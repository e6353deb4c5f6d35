"""Places on the globe: great-circle distance, and the box around a circle.

The distance is the haversine formula (R. W. Sinnott, "Virtues of the Haversine",
Sky and Telescope 68, 1984) on a sphere of the IUGG's mean radius; against the
ellipsoid it is off by 0.5 % at most. The box is that of J. P. Matuschek,
"Finding points within a distance of a latitude/longitude", 2010.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from searchengine.errors import FilterError

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius R1 = (2a + b) / 3 of GRS 80 (H. Moritz, 1980)."""
METRES = {"m": 1.0, "km": 1000.0, "mi": 1609.344}
"""The units of distance."""
_SLACK_DEG = 1e-5
"""About a metre: more than rounding can make of a distance, next to the poles too."""


@dataclass(frozen=True, slots=True)
class Box:
    """All positions between two latitudes and in one of the stretches of longitude, in degrees."""

    south: float
    north: float
    stretches: tuple[tuple[float, float], ...]
    """West and east, west <= east; two where the box crosses the 180th meridian."""


def on_globe(latitude: float, longitude: float) -> bool:
    """Tell whether the degrees are a position: latitude within 90, longitude within 180."""
    return abs(latitude) <= 90 and abs(longitude) <= 180


def distance_m(latitude: float, longitude: float, latitude2: float, longitude2: float) -> float:
    """Return the great-circle distance of two positions, given in degrees, in metres."""
    one, other = math.radians(latitude), math.radians(latitude2)
    half = math.radians(longitude2 - longitude) / 2
    square = (
        math.sin((other - one) / 2) ** 2 + math.cos(one) * math.cos(other) * math.sin(half) ** 2
    )
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(square)))


def box_around(latitude: float, longitude: float, radius_m: float) -> Box:
    """Return a box that holds every position within the radius, and as little more as may be."""
    angle = radius_m / EARTH_RADIUS_M
    reach = math.degrees(angle) + _SLACK_DEG
    south, north = latitude - reach, latitude + reach
    everywhere = ((-180.0, 180.0),)
    if south <= -90 or north >= 90:  # a pole is inside: every meridian comes near
        return Box(max(south, -90.0), min(north, 90.0), everywhere)
    aside = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(latitude)))))
    west, east = longitude - aside - _SLACK_DEG, longitude + aside + _SLACK_DEG
    if east - west >= 360:
        return Box(south, north, everywhere)
    if west <= -180:
        return Box(south, north, ((-180.0, east), (west + 360, 180.0)))
    if east >= 180:
        return Box(south, north, ((-180.0, east - 360), (west, 180.0)))
    return Box(south, north, ((west, east),))


def checked_latitude(value: float) -> float:
    """Return degrees of latitude, or raise ``FilterError``."""
    return _checked(value, "latitude", 90)


def checked_longitude(value: float) -> float:
    """Return degrees of longitude, or raise ``FilterError``."""
    return _checked(value, "longitude", 180)


def checked_radius(value: float) -> float:
    """Return a distance in metres, or raise ``FilterError``."""
    number = _number(value, "distance")
    if not (math.isfinite(number) and number >= 0):
        raise FilterError(f"{number:g} m is no distance", hint="Write one like 20km.")
    return number


def _checked(value: float, what: str, most: int) -> float:
    number = _number(value, what)
    if not abs(number) <= most:
        order = "The order is latitude, then longitude. " if abs(number) <= 180 else ""
        raise FilterError(
            f"{number:g} is no {what}: it lies between -{most} and {most} degrees", hint=order
        )
    return number


def _number(value: float, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FilterError(f"a {what} is a number, not {str(value)[:40]!r}")
    try:
        return float(value)
    except OverflowError:
        return math.inf
