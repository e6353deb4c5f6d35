"""How many items go through the model at a time, found while it works.

A batch should be long enough to be worth its overhead, and short enough that the bar moves, that
what is encoded is soon acknowledged, and that Ctrl-C, which waits for the batch in hand, is prompt.
So the time of a batch is held to a range. How a batch is cut into passes is the encoder's business.
"""

from __future__ import annotations

FIRST = 16
LEAST, MOST = 4, 256
"""256 pictures of 256 x 256 pixels are 50 MB; up to five batches are held, and those under way
once more as one array."""
SHORT_S, LONG_S = 0.25, 1.0


class BatchSize:
    """The number of items in the next batch; changes by factors of two."""

    def __init__(self, fixed: int = 0) -> None:
        """``fixed``: keep to this; 0: find it."""
        self._fixed = fixed
        self._warm = False
        self.value = fixed or FIRST

    def note(self, items: int, seconds: float) -> None:
        """Learn from a batch that has been encoded. The first one says nothing: all is cold."""
        if self._fixed or not self._warm:
            self._warm = True
            return
        if seconds > LONG_S and items <= self.value:
            self.value = max(LEAST, self.value // 2)
        elif seconds < SHORT_S and items >= self.value:
            self.value = min(MOST, self.value * 2)
