"""What becomes of items once it is known: counted, and handed on to be written or removed.

One set of rules for all runners: what a run tells of an item, and what stands in the index then,
do not depend on who has done the work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from searchengine.errors import ReadError
from searchengine.store.contract import Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.encoding import Encoded
    from ingest.items import Known
    from ingest.plan import Todo
    from ingest.report import Report
    from searchengine.errors import ItemError
    from searchengine.records import Modality


class Outcomes:
    """Settles items, in one thread."""

    def __init__(
        self,
        report: Report,
        write: Callable[[Modality, Row], None],
        remove: Callable[[Modality, str], None],
        *,
        dry_run: bool = False,
    ) -> None:
        """Count in ``report``; ``write`` takes rows, ``remove`` ids; neither is called by a dry
        run."""
        self._report = report
        self._write = write
        self._remove = remove
        self._dry_run = dry_run
        self.carried: set[str] = set()
        """Ids whose content was found again under another id: moved, if they turn out gone."""
        self.proven = False
        """Whether the model has given a vector yet."""

    def take_over(self, one: Known) -> None:
        """Write an item whose content is known with the vector that stands for it."""
        if one.todo.indexed_hash == one.item.content_hash:
            self._report.updated += 1
        else:
            self._report.carried += 1
            self.carried.add(one.source_id)
        if not self._dry_run:
            self._write(one.item.modality, Row(one.item, one.vector))

    def keep(self, one: Encoded) -> None:
        """Hand on what has been encoded. A model that fails on all of a batch is broken: raises its
        ``EncoderError``."""
        if one.error and not one.batch and not self.proven and one.items > 1:
            raise one.error
        self.proven |= bool(one.batch)
        for ready, reason in one.failures:
            self._report.fail(ready.item.uri, "unencodable", str(reason))
            self._forget(ready.todo)
        for ready, vector in zip(one.batch, one.vectors, strict=True):
            self._write(ready.item.modality, Row(ready.item, vector))
        self._report.embedded += len(one.batch)

    def fail(self, todo: Todo, error: ItemError) -> None:
        """Tell of an item that cannot be indexed."""
        self._report.fail(todo.asset.uri, error.reason, str(error))
        if not isinstance(error, ReadError):  # permissions, a bad disk: the row may still be true
            self._forget(todo)

    def _forget(self, todo: Todo) -> None:
        """Remove the row of a file that has changed into what cannot be indexed."""
        if todo.indexed_hash is None:
            return
        if not self._dry_run:
            self._remove(todo.asset.modality, todo.id)
        self._report.removed += 1
