"""Whether something has been listed before, in eight bytes an asset."""

from __future__ import annotations

from array import array
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ingest.sources.contract import Asset, Bundle, Skipped
from searchengine.identity import item_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    import numpy.typing as npt

_RECENT = 4096


class Seen:
    """Remembers keys. Sorted runs of doubling size, so that asking costs a few binary searches."""

    def __init__(self) -> None:
        self._recent: set[int] = set()
        self._runs: list[npt.NDArray[np.uint64]] = []

    def add(self, uri: str) -> bool:
        """Remember a uri; return whether it is new (a false 'known' has odds of 2**-64 a pair)."""
        return self.add_id(item_id(uri))

    def add_id(self, id: str) -> bool:
        """Remember an id; return whether it is new."""
        key = int(id[:16], 16)
        if key in self._recent or any(_holds(run, key) for run in self._runs):
            return False
        self._recent.add(key)
        if len(self._recent) >= _RECENT:
            self._settle()
        return True

    def _settle(self) -> None:
        import numpy as np

        run = np.sort(np.frombuffer(array("Q", self._recent), dtype=np.uint64))
        self._recent = set()
        while self._runs and len(self._runs[-1]) <= len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        self._runs.append(run)


def _holds(run: npt.NDArray[np.uint64], key: int) -> bool:
    import numpy as np

    wanted = np.uint64(key)
    place = int(np.searchsorted(run, wanted))
    return place < len(run) and bool(run[place] == wanted)


def once(
    assets: Iterable[Asset | Skipped | Bundle], seen: Seen
) -> Iterator[Asset | Skipped | Bundle]:
    """Yield assets that have not been seen, and say of the others that they were."""
    for asset in assets:
        if isinstance(asset, Bundle):
            yield replace(asset, listed=partial(_singles, asset, seen))
        else:
            yield from _single(asset, seen)


def _singles(bundle: Bundle, seen: Seen) -> Iterator[Asset | Skipped]:
    for asset in bundle.listed():
        yield from _single(asset, seen)


def _single(asset: Asset | Skipped, seen: Seen) -> Iterator[Asset | Skipped]:
    if isinstance(asset, Asset) and not seen.add(asset.uri):
        yield Skipped(asset.uri, "repeated", "listed before in this run", failed=False)
    else:
        yield asset
