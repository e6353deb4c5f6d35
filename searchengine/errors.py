"""Everything that can go wrong, as one tree.

::

    SearchEngineError                 exit code   what a caller can do
    ├── UsageError                        2       ask differently
    │   ├── SettingsError                 2       mend the flag, variable or file it names
    │   ├── QueryError                    2       mend the query
    │   │   └── FilterError               2       mend the filter at the column it names
    │   ├── UnsupportedError              2       ask for what this backend can do
    │   ├── UnknownModelError             2       spell the model's name as it is known
    │   └── MismatchError                 2       use the encoder that made the corpus
    ├── MissingError                      3       make the resource available
    │   ├── NotFoundError                 3       name a path, item or corpus that exists
    │   ├── ModelUnavailableError         3       fetch the weights, or name a local folder
    │   ├── StoreUnavailableError         3       start the database, or mend its address
    │   ├── StoreBusyError                3       wait for the other process, or stop it
    │   └── DiskFullError                 3       free some space
    ├── OverloadError                     1       ask again, after the seconds it names
    ├── DeadlineError                     1       ask again, or allow more time
    ├── EncoderError                      1       the model gave vectors that are no vectors
    └── ItemError                         1       nothing: a row in the run's report
        ├── ReadError                     1       the bytes could not be read
        ├── DecodeError                   1       the bytes are no picture (or no text)
        └── LimitError                    1       larger than a limit, which the message names

Low-level exceptions (pymilvus, Pillow, the operating system's) are translated
at the seam where they appear and never reach a caller bare.
"""

from __future__ import annotations

from typing import ClassVar


class SearchEngineError(Exception):
    """Base of all errors of this package.

    ``str(error)`` is one line that says what happened; ``hint`` says what to
    do next and may be empty.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(SearchEngineError):
    """The request cannot be right as it stands."""

    exit_code = 2


class SettingsError(UsageError):
    """A flag, an environment variable or a line of a settings file is wrong."""


class QueryError(UsageError):
    """A query that has no answer by its own terms (empty, bad weights, no such field).

    ``column`` is the 0-based offset into the text that was typed, or ``None``
    where no text was given.
    """

    def __init__(self, message: str, *, column: int | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.column = column


class FilterError(QueryError):
    """A filter that does not parse or does not fit the corpus."""


class UnsupportedError(UsageError):
    """The backend cannot do what was asked; the message names what it can."""


class UnknownModelError(UsageError):
    """No model goes by that name."""


class MismatchError(UsageError):
    """The corpus was made with another encoder; the message names both."""


class MissingError(SearchEngineError):
    """Something that is needed is not there."""

    exit_code = 3


class NotFoundError(MissingError):
    """A path, an item or a corpus that does not exist."""


class ModelUnavailableError(MissingError):
    """The weights of a known model cannot be had."""


class StoreUnavailableError(MissingError):
    """The database does not answer."""


class StoreBusyError(MissingError):
    """Another process holds the database folder."""


class DiskFullError(MissingError):
    """There is no space left where the data is kept."""


class OverloadError(SearchEngineError):
    """More is being asked at once than can be answered; nothing was done.

    ``retry_after_s`` are the seconds after which asking again may succeed.
    """

    def __init__(self, message: str, *, retry_after_s: float = 1.0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class DeadlineError(SearchEngineError):
    """The answer was not there within the time allowed."""


class EncoderError(SearchEngineError):
    """A model produced NaN, infinity, zero or the wrong shape.

    ``bad_rows`` are the 0-based places of the inputs concerned, ascending;
    empty where it is not the fault of single inputs. The others can be encoded
    again without them.
    """

    def __init__(self, message: str, *, bad_rows: tuple[int, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.bad_rows = bad_rows


class ItemError(SearchEngineError):
    """One item cannot be indexed. ``reason`` is a short stable word for reports."""

    reason: ClassVar[str] = "item"


class ReadError(ItemError):
    """The bytes of an item cannot be read."""

    reason = "unreadable"


class DecodeError(ItemError):
    """The bytes of an item are not what they claim to be."""

    reason = "undecodable"


class LimitError(ItemError):
    """An item exceeds a limit; the message names the limit and its setting."""

    reason = "too-large"
