"""Towers that begin on torch at once and look for something faster when that pays.

Nobody waits for an export who has 20 photos. Whoever has encoded for as long as looking would take
will probably go on, so then it is looked, once: at the worst the run takes twice as long as it
would have taken with the better of the two (the ski rental problem). What is found gives the same
space, so it may take over between two batches. The next process knows it from the start.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from searchengine.encoders.contract import Pixels, calls_at_a_time
from searchengine.encoders.towers.contract import Rows, Tokens, Towers

_log = logging.getLogger(__name__)

_SMALL_S = 10.0
"""Looking takes less than this for models of up to 80 million parameters."""


class AdaptiveTowers:
    """Implements ``Towers``: the first ones until ``patience_s`` of work, then the better ones."""

    def __init__(self, first: Towers, look: Callable[[], Towers], *, patience_s: float) -> None:
        """``look`` returns what shall take over, which may be ``first``; it is called once."""
        self._towers = first
        self._look: Callable[[], Towers] | None = look
        self._patience_s = patience_s
        self._spent_s = 0.0
        self._aside = False
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Of those in use now."""
        return self._towers.name

    @property
    def runtime(self) -> str:
        """Of those in use now."""
        return self._towers.runtime

    @property
    def device(self) -> str:
        """Of those in use now."""
        return self._towers.device

    @property
    def calls_at_a_time(self) -> int:
        """One, while it may yet come to looking: what is tried then must have the device alone."""
        return 1 if self._look is not None else calls_at_a_time(self._towers)

    def images(self, pixels: Pixels) -> Rows:
        """Run uint8 (n, h, w, 3); float32 (n, dim)."""
        return self._timed(lambda towers: towers.images(pixels))

    def texts(self, tokens: Tokens) -> Rows:
        """Run int64 (n, context); float32 (n, dim)."""
        return self._timed(lambda towers: towers.texts(tokens))

    def settle(self) -> None:
        """Look now, if nobody has yet and the model is large: much work is known to come.

        A small model has done that work in the time that looking takes.
        """
        if self._patience_s > _SMALL_S:
            self._look_now()

    def look_aside(self) -> None:
        """From now on look in a thread of its own: those who ask go on with the first ones."""
        self._aside = True

    def _timed(self, run: Callable[[Towers], Rows]) -> Rows:
        if self._look is None:
            return run(self._towers)
        began = time.perf_counter()
        rows = run(self._towers)
        with self._lock:
            self._spent_s += time.perf_counter() - began
            enough = self._spent_s >= self._patience_s
        if enough and self._aside:
            threading.Thread(target=self._look_now, name="look", daemon=True).start()
        elif enough:
            self._look_now()
        return rows

    def _look_now(self) -> None:
        with self._lock:
            look, self._look = self._look, None
        if look is not None:
            _log.info("looking for a faster way to run this model, once on this machine")
            self._towers = look()
            _log.info("the model goes on with %s", self._towers.name)
