"""How a batch is cut into passes of sizes that a device has prepared itself for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALLEST = 8


@dataclass(frozen=True, slots=True)
class Pass:
    """Some rows of a batch, and the size of the pass that takes them."""

    start: int
    count: int
    size: int
    """At least ``count``: rows beyond it are padding, and their output is thrown away."""


def sizes(largest: int) -> tuple[int, ...]:
    """Return the sizes to prepare: ``largest``, and half of it down to 8 or so, ascending.

    A remainder is padded to the next of them, so less than half of a pass is ever wasted.
    """
    found = [largest]
    while found[-1] // 2 >= SMALLEST:
        found.append(found[-1] // 2)
    return tuple(reversed(found))


def cut(rows: int, largest: int) -> Iterator[Pass]:
    """Yield the passes for so many rows: full ones first, then one for what is left."""
    ready = sizes(largest)
    for start in range(0, rows, largest):
        count = min(largest, rows - start)
        yield Pass(start, count, next(size for size in ready if size >= count))
