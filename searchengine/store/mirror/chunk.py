"""Rows side by side, never changed once they are there: ids, vectors, columns."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np

from searchengine.store.fields import BY_NAME, TAKEN_AT_MS, VECTOR, Kind, decode_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy.typing as npt

    from searchengine.encoders.contract import Vectors
    from searchengine.records import Modality
    from searchengine.store.mirror.codes import Codes

KEPT: tuple[str, ...] = (*BY_NAME, TAKEN_AT_MS)
"""The columns of the database that a chunk holds, as Arrow arrays without nulls."""
_OVERHEAD = 160
"""Bytes a row for its id as a Python text and its place in a dictionary."""
_DERIVED = 8
"""How many columns worked out of others are kept a chunk, the last used ones."""


class Chunk:
    """n rows: ``ids``, float32 ``vectors`` (n, dim), and the columns in ``KEPT``."""

    def __init__(
        self,
        ids: Sequence[str],
        vectors: Vectors,
        columns: Mapping[str, Any],
        places: dict[str, int] | None = None,
    ) -> None:
        self.ids = ids
        self.vectors = vectors
        self.places = dict(zip(ids, range(len(ids)), strict=True)) if places is None else places
        """Where each id stands."""
        self.codes: Codes | None = None
        """The vectors in a quarter of the memory, once searches have been many (``nearest``)."""
        self.passes = 0
        """How many searches have gone over all the vectors."""
        self._columns = columns
        self._derived: OrderedDict[object, Any] = OrderedDict()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def nbytes(self) -> int:
        """About how much memory the rows take, the codes included, shared with Lite or not."""
        columns = sum(int(column.nbytes) for column in self._columns.values())
        codes = self.vectors.shape[1] if len(self) else 0
        return columns + int(self.vectors.nbytes) + len(self) * (codes + _OVERHEAD)

    def column(self, name: str) -> Any:
        """Return a column of the database as one Arrow array (n,)."""
        return self._columns[name]

    def numbers(self, name: str) -> npt.NDArray[Any]:
        """Return a column of numbers, int64 or float64 (n,)."""
        values = self._columns[name].to_numpy(zero_copy_only=False)
        assert isinstance(values, np.ndarray)
        return values

    def derived(self, key: object, make: Callable[[], Any]) -> Any:
        """Return what ``make`` worked out of this chunk under that key, now or lately."""
        found = self._derived.get(key)
        if found is None:
            found = make()
            self._derived[key] = found
            while len(self._derived) > _DERIVED:
                try:
                    self._derived.popitem(last=False)
                except KeyError:  # another thread was quicker
                    break
        return found

    def rows(
        self, at: npt.NDArray[np.intp], names: Iterable[str], modality: Modality
    ) -> list[dict[str, Any]]:
        """Return the named fields of the rows at those places, as in ``Item``."""
        import pyarrow as pa

        names = tuple(names)
        taken = pa.array(at, type=pa.int64())
        stored: dict[str, Any] = {}
        for name in names:
            column = BY_NAME.get(name)
            if column is not None:
                values = self._columns[name].take(taken).to_pylist()
                is_json = column.kind is Kind.JSON
                stored[name] = [json.loads(one) for one in values] if is_json else values
            elif name == VECTOR:
                stored[name] = self.vectors[at]  # a copy: callers may keep it
        return [
            decode_row({name: values[n] for name, values in stored.items()}, names, modality)
            for n in range(len(at))
        ]


def merged(parts: Sequence[tuple[Chunk, npt.NDArray[np.bool_] | None]]) -> Chunk:
    """Return the rows of several chunks that are alive (``None``: all are) as one chunk."""
    import pyarrow as pa

    kept = [
        np.arange(len(chunk)) if alive is None else np.flatnonzero(alive) for chunk, alive in parts
    ]
    chunks = [chunk for chunk, _ in parts]
    places = [at.tolist() for at in kept]
    return Chunk(
        [chunk.ids[n] for chunk, at in zip(chunks, places, strict=True) for n in at],
        np.concatenate([chunk.vectors[at] for chunk, at in zip(chunks, kept, strict=True)]),
        {
            name: pa.concat_arrays(
                [
                    chunk.column(name).take(pa.array(at, type=pa.int64()))
                    for chunk, at in zip(chunks, kept, strict=True)
                ]
            )
            for name in KEPT
        },
    )
