"""Which version of a corpus is asked, and how an engine moves on to the next one.

A question takes both sides, its model and its items from one version, by their collections' very
names (``Side.version``). Every two seconds the first question looks which version is live. Where
that has changed and has another model, it is loaded in a thread of its own, and until that is done
the version before goes on answering: it is there until ``gc``.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from searchengine.errors import NotFoundError
from searchengine.query.lookup import Lookup
from searchengine.records import MODALITIES, Side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from searchengine.records import Modality
    from searchengine.store.contract import SideInfo, Store

_log = logging.getLogger(__name__)
AGE_S = 2.0
"""How old what is known may be: on a server, asking costs as much as searching."""
_RETRY_S = 30.0
"""After a model could not be loaded."""


class Version:
    """One version of a corpus, by name. Its sides may be looked at anew, and never change."""

    def __init__(self, store: Store, corpus: str, name: str) -> None:
        self._store = store
        self._corpus = corpus
        self.name = name
        self.lookup = Lookup(store, self.at)
        self._seen: dict[Modality, tuple[float, SideInfo | None]] = {}

    def at(self, modality: Modality) -> Side:
        """Return a side of this version, whether it is there or not."""
        return Side(self._corpus, modality, version=self.name)

    def side(self, modality: Modality) -> SideInfo | None:
        """Return what a side is like, at most ``AGE_S`` old; ``None`` where there is none."""
        asked, info = self._seen.get(modality, (-AGE_S, None))
        if time.monotonic() - asked >= AGE_S:
            info = self._store.describe(self.at(modality), fresh=False)
            self._seen[modality] = (time.monotonic(), info)
        return info

    def note(self, info: SideInfo) -> None:
        """Remember a side that has just been looked at."""
        mine = replace(info, side=self.at(info.side.modality))
        self._seen[info.side.modality] = (time.monotonic(), mine)

    def knows(self, modality: Modality) -> bool:
        """Tell whether a side has been looked at lately."""
        asked, _ = self._seen.get(modality, (-AGE_S, None))
        return time.monotonic() - asked < AGE_S

    def forget(self) -> None:
        """Have the sides looked at anew."""
        self._seen.clear()

    def fingerprints(self) -> set[str]:
        """Return those of the models that made the sides."""
        infos = (self.side(modality) for modality in MODALITIES)
        return {info.fingerprint for info in infos if info is not None}


class Versions:
    """The version of a corpus that questions go to. Safe to use from many threads."""

    def __init__(
        self, store: Store, corpus: str, prepare: Callable[[Version], Callable[[], None] | None]
    ) -> None:
        """``prepare`` returns what has to be done before a version is asked, ``None`` for nothing.

        It may take a minute.
        """
        self._store = store
        self._corpus = corpus
        self._prepare = prepare
        self._now: Version | None = None
        self._guard = threading.Lock()
        self._coming: Version | None = None
        self._try_at = 0.0
        self._held = threading.local()

    def current(self, modality: Modality) -> Version | None:
        """Return the version to ask, ``None`` where there is no such corpus.

        ``modality`` is the side that is going to be asked: it is looked at.
        """
        held: Version | None = getattr(self._held, "version", None)
        if held is not None:
            return held
        now = self._now
        if now is not None and now.knows(modality):
            return now
        live = self._looked(modality)
        if now is None or live is None or live.name == now.name:
            return self._take(live)
        return self._moving(now, live)

    def moved_on(self, left: Version) -> bool:
        """Look at once; tell whether this version is live no more, and take the one that is."""
        live = self._looked(MODALITIES[0])
        if live is not None and live.name == left.name:
            return False
        self._take(live)
        return True

    def forget(self) -> None:
        """Have the database asked anew: something was written beside this."""
        if (now := self._now) is not None:
            now.forget()

    @contextmanager
    def held(self, version: Version) -> Iterator[None]:
        """Have ``current`` return this version, in this thread."""
        self._held.version = version
        try:
            yield
        finally:
            self._held.version = None

    @property
    def holding(self) -> bool:
        """Whether this thread holds a version."""
        return getattr(self._held, "version", None) is not None

    def _looked(self, modality: Modality) -> Version | None:
        """Return the live version, the one that is known already where it is that."""
        for one in (modality, *(other for other in MODALITIES if other != modality)):
            info = self._store.describe(Side(self._corpus, one), fresh=False)
            if info is not None:
                break
        else:
            return None
        known = (self._now, self._coming)
        same = [one for one in known if one is not None and one.name == info.version]
        version = same[0] if same else Version(self._store, self._corpus, info.version)
        version.note(info)
        return version

    def _take(self, version: Version | None) -> Version | None:
        with self._guard:
            self._now, self._coming = version, None
        return version

    def _moving(self, now: Version, live: Version) -> Version:
        """Return the version before while the one that is live is made ready."""
        ready = self._prepare(live)
        if ready is None:
            self._take(live)
            return live
        with self._guard:
            waits = self._coming is not None and self._coming.name == live.name
            if not waits and time.monotonic() >= self._try_at:
                self._coming = live
                work = (now, live, ready)
                threading.Thread(target=self._make_ready, args=work, daemon=True).start()
        for modality in MODALITIES:
            now.side(modality)  # not to be asked which version is live at every question
        return now

    def _make_ready(self, left: Version, live: Version, ready: Callable[[], None]) -> None:
        try:
            ready()
        except Exception as error:
            self._try_at = time.monotonic() + _RETRY_S
            with self._guard:
                self._coming = None
            _log.warning(
                "corpus %s has another version, and its model cannot be used yet: %s",
                self._corpus,
                error,
            )
            return
        with self._guard:
            if self._coming is live and self._now is left:
                self._now, self._coming = live, None


def gone(corpus: str, modality: Modality, store: Store) -> NotFoundError:
    """Return the error for a side that is not there; it says what is."""
    known = store.sides()
    mine = [one.side.modality for one in known if one.side.corpus == corpus]
    others = sorted({one.side.corpus for one in known})
    if mine:
        hint = f"it holds {mine[0]}s: --modality {mine[0]} searches those"
    elif others:
        hint = f"known corpora: {', '.join(others)}"
    else:
        hint = "index something first: searchengine index PATH"
    return NotFoundError(f"corpus {corpus!r} holds no {modality}s", hint=hint)
