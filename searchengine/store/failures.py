"""The seam where the exceptions of pymilvus, gRPC and the disk become our own."""

from __future__ import annotations

import errno
import re
from enum import Enum

from searchengine.errors import (
    DiskFullError,
    NotFoundError,
    QueryError,
    SearchEngineError,
    StoreUnavailableError,
    UnsupportedError,
)


class Fault(Enum):
    """What is behind a low-level exception."""

    AWAY = "away"
    """The database is not there, or not yet: trying again may help."""
    NOT_FOUND = "not found"
    NOT_LOADED = "not loaded"
    DENIED = "denied"
    DISK_FULL = "disk full"
    UNSUPPORTED = "unsupported"
    TOO_MUCH = "too much"
    OTHER = "other"


_AWAY_CODES = frozenset((1, 2, 4, 9, 101, 400, 401, 500, 501, 503, 600, 601, 602, 901, 902, 903))
"""Milvus 2.3+ (pkg/merr): service not ready, replica, channel, segment or node not available."""
_AWAY_STATUS = frozenset(("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "ABORTED", "UNKNOWN"))
_PATTERNS: tuple[tuple[Fault, str], ...] = (
    (Fault.DISK_FULL, r"no space left|errno 28|disk quota|exceeds disk|disk is full"),
    (Fault.DENIED, r"unauthenticated|permission ?denied|auth(entication)? check|bad credential"),
    (Fault.NOT_FOUND, r"(collection|database|alias) not found|can't find (collection|alias)"),
    (Fault.NOT_LOADED, r"not loaded|not in memory|call load\(\)"),
    (
        Fault.AWAY,
        r"no available (shard|replica)|not available|not ready|unhealthy|offline|unavailable"
        r"|failed to connect|fail connecting|connection (refused|reset)|retry timeout"
        r"|delegator|session|context canceled|deadline exceeded|initializing|illegal connection",
    ),
    (Fault.UNSUPPORTED, r"invalid index type|unsupported index|not supported|unimplemented"),
    (Fault.TOO_MUCH, r"top ?k.*(limit|range|exceed)|message larger than max|max query result"),
)


def fault_of(error: BaseException) -> Fault:
    """Return what is behind an exception of pymilvus, gRPC or the operating system."""
    fault = _fault_of(error)
    cause = error.__cause__  # pymilvus says "fail connecting" for a wrong password, too
    if fault in (Fault.AWAY, Fault.OTHER) and cause is not None and cause is not error:
        deeper = _fault_of(cause)
        return fault if deeper is Fault.OTHER else deeper
    return fault


def _fault_of(error: BaseException) -> Fault:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Fault.DISK_FULL
    text = str(error).lower()
    for fault, pattern in _PATTERNS[:4]:
        if re.search(pattern, text):
            return fault
    status = _status(error)
    if status in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        return Fault.DENIED
    if status in _AWAY_STATUS or _code(error) in _AWAY_CODES or isinstance(error, OSError):
        return Fault.AWAY
    if _code(error) == 100:
        return Fault.NOT_FOUND
    for fault, pattern in _PATTERNS[4:]:
        if re.search(pattern, text):
            return fault
    return Fault.OTHER


def translate(error: BaseException, doing: str, where: str, *, lite: bool) -> SearchEngineError:
    """Return our error for a low-level one.

    ``doing`` says what went on, like "searching"; ``where`` is the address.
    """
    fault = fault_of(error)
    reason = reason_of(error)
    if fault is Fault.DISK_FULL:
        return DiskFullError(
            f"no space left for the database at {where} while {doing}",
            hint="Free some space and run the same command again; what was written is kept.",
        )
    if fault is Fault.DENIED:
        return StoreUnavailableError(
            f"the database at {where} refuses the login",
            hint="Check user and password, or the token.",
        )
    if fault is Fault.NOT_FOUND:
        return NotFoundError(f"the database at {where} has no such thing: {reason}")
    if fault is Fault.UNSUPPORTED:
        return UnsupportedError(f"the database at {where} cannot do this: {reason}")
    if fault is Fault.TOO_MUCH:
        return QueryError(f"too much for one request: {reason}", hint="Ask for fewer hits.")
    if fault is Fault.AWAY and not lite:
        return unavailable(where, doing, reason)
    return StoreUnavailableError(f"the database at {where} failed while {doing}: {reason}")


def unavailable(where: str, doing: str, reason: str = "") -> StoreUnavailableError:
    """Return the error for a server that does not answer."""
    return StoreUnavailableError(
        f"the database at {where} does not answer ({doing}{': ' + reason if reason else ''})",
        hint="Check that the server runs, that the address and port are right, and the firewall.",
    )


def reason_of(error: BaseException) -> str:
    """Return the first line of what went wrong, without codes and brackets."""
    text = str(getattr(error, "message", "") or error).strip()
    line = text.splitlines()[0] if text else type(error).__name__
    return line if len(line) <= 200 else line[:199] + "…"


def _status(error: BaseException) -> str:
    """Return the name of the gRPC status behind the error, empty if there is none."""
    code = getattr(error, "code", None)
    code = code() if callable(code) else code
    return str(getattr(code, "name", ""))


def _code(error: BaseException) -> int:
    code = getattr(error, "code", None)
    return code if isinstance(code, int) and not isinstance(code, bool) else 0


def is_milvus(error: BaseException) -> bool:
    """Tell whether an exception comes from pymilvus or gRPC."""
    return type(error).__module__.split(".")[0] in ("pymilvus", "grpc")
