"""A store of rows that are made up while they are read: a million cost nothing to hold."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from searchengine.store.contract import Found

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from searchengine.records import Side

_DIM = 8
_EVERY_TENTH = 10


class SyntheticStore:
    """The part of a store that ``find_duplicates`` reads from.

    Every tenth row has the bytes of the row before; every row's nearest are the rows around it, at
    cosines from 0.97 down. A vector is the row's number, so that a search knows whose it is.
    """

    def __init__(self, count: int, neighbours: int) -> None:
        self._count = count
        self._around = neighbours

    def scan(
        self, side: Side, *, where: object = None, fields: Sequence[str] = ("id",)
    ) -> Iterator[Mapping[str, Any]]:
        """Yield all rows."""
        for number in range(self._count):
            yield self._row(number, fields)

    def search(
        self,
        side: Side,
        vectors: np.ndarray[Any, Any],
        *,
        limit: int,
        offset: int = 0,
        where: object = None,
        fields: Sequence[str] = (),
    ) -> list[list[Found]]:
        """Return the rows around each."""
        found = []
        for vector in vectors:
            own = int(vector[0]) + int(vector[1]) * 1_000
            around = range(own - self._around // 2, own + self._around // 2 + 1)
            found.append(
                [
                    Found(_id(one), 0.97 - 0.01 * abs(one - own), {})
                    for one in around
                    if 0 <= one < self._count
                ]
            )
        return found

    def fetch(
        self, side: Side, ids: Sequence[str], fields: Sequence[str], *, fresh: bool = True
    ) -> dict[str, Mapping[str, Any]]:
        """Return rows that look like what was asked for."""
        return {one: {key: self._row(0, fields)[key] for key in fields} for one in ids}

    def _row(self, number: int, fields: Sequence[str]) -> dict[str, Any]:
        row: dict[str, Any] = {
            "uri": f"file:///no/such/folder/{number}.jpg",
            "width": 640,
            "height": 480,
            "size": 50_000 + number % 1_000,
            "taken_at": None,
        }
        if "id" in fields:
            row["id"] = _id(number)
        if "content_hash" in fields:
            row["content_hash"] = _id(number - (number % _EVERY_TENTH == 1))
        if "vector" in fields:
            vector = np.zeros(_DIM, np.float32)
            vector[:2] = number % 1_000, number // 1_000
            row["vector"] = vector
        return row


def _id(number: int) -> str:
    return hashlib.blake2b(str(number).encode(), digest_size=16).hexdigest()
