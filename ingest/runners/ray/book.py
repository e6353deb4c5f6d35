"""Whether everything that was given out has come back, and each part of it once.

Ray makes again what is lost with a node. Should it ever hand on a slice twice, it is counted once;
should one be missing, the stages are begun anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.runners.ray.slices import Slice


@dataclass(slots=True)
class _Open:
    """An order of which parts have come."""

    came: set[int] = field(default_factory=set)
    parts: int = 0
    """How many there are; 0 for not known yet."""


class Book:
    """What has come of one round."""

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}
        self._closed: set[int] = set()
        self._orders = 0
        """How many there are; 0 for not known yet."""

    def enter(self, one: Slice) -> bool:
        """Note a slice; return whether it is new."""
        if one.order in self._closed:
            return False
        order = self._open.setdefault(one.order, _Open())
        if one.part in order.came:
            return False
        order.came.add(one.part)
        order.parts = order.parts or one.parts
        self._orders = self._orders or one.facts.orders
        if len(order.came) == order.parts:
            del self._open[one.order]
            self._closed.add(one.order)
        return True

    @property
    def complete(self) -> bool:
        """Whether all parts of all orders have come."""
        return 0 < self._orders == len(self._closed)
