"""How often somebody may ask: token buckets, as many as fit into bounded memory.

A bucket holds up to ``burst`` tokens and gets ``rate`` a second; a request takes one (the leaky
bucket as a meter, ITU-T I.371).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

_MOST = 10_000


class Buckets:
    """A token bucket for each name; of more than ``most``, those asked for longest ago are new."""

    def __init__(self, rate: float, burst: float, most: int = _MOST) -> None:
        self._rate = rate
        self._burst = max(1.0, burst)
        self._most = most
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        """How many are held."""
        return len(self._buckets)

    def take(self, name: Hashable, now: float) -> float:
        """Take a token; return 0, or the seconds until there will be one.

        ``now`` is of a clock that never goes back.
        """
        tokens, then = self._buckets.pop(name, (self._burst, now))
        tokens = min(self._burst, tokens + (now - then) * self._rate)
        enough = tokens >= 1
        self._buckets[name] = (tokens - 1 if enough else tokens, now)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return 0.0 if enough else (1 - tokens) / self._rate
