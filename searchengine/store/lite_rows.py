"""How Milvus Lite takes rows in: a vector's numbers are not looked at one by one.

Lite (3.2) asks of every component of every vector whether it is a number, which takes nearly a
quarter of the time of a write. Those of a request are: they come out of a packed array of floats,
and the store has checked them (``store.vectors``). What has not come that way is looked at as
before, as is everything else about a row, the number of components among it. A version of Lite that
looks otherwise inside does as it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_FLOAT_VECTOR = 101
"""``DataType.FLOAT_VECTOR`` on the wire."""


class _Numbers(list[Any]):
    """A vector out of a request."""


class _Seen(list[Any]):
    """As long as a vector, and with nothing to be looked at."""

    def __init__(self, vector: _Numbers) -> None:
        super().__init__()
        self._length = len(vector)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Any]:
        return iter(())


def take_rows_leanly() -> bool:
    """Have Lite do so from now on, for all folders of this process; tell whether it does."""
    from milvus_lite.adapter.grpc.translators import records
    from milvus_lite.engine import collection

    extract = getattr(records, "_extract_vector_column", None)
    validate = getattr(collection, "validate_record", None)
    if extract is None or validate is None:
        return False
    if getattr(validate, "leanly", False):
        return True

    def extracted(data: Any, kind: int, rows: int) -> list[Any]:
        column: list[Any] = extract(data, kind, rows)
        if kind != _FLOAT_VECTOR:
            return column
        return [_Numbers(one) if type(one) is list else one for one in column]

    def validated(record: Any, *args: Any, **kwargs: Any) -> None:
        seen = {}
        if isinstance(record, dict):
            seen = {name: one for name, one in record.items() if type(one) is _Numbers}
        for name, one in seen.items():
            record[name] = _Seen(one)
        try:
            validate(record, *args, **kwargs)
        finally:
            if seen:
                record.update(seen)

    validated.leanly = True  # type: ignore[attr-defined]
    records._extract_vector_column = extracted
    collection.validate_record = validated
    return True
