"""API keys: made here, kept as hashes, read from a file and the environment.

A key is 32 random bytes, so its plain SHA-256 tells nobody anything: there is nothing to guess that
a slow hash would protect. An entry is ``name:scope:sha256``, the scope ``read`` or ``write`` (which
reads, too).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from searchengine.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

Scope = Literal["read", "write"]

_PREFIX = "se_"
_ENTRY = re.compile(r"(?P<name>[\w.@-]{1,64}):(?P<scope>read|write):(?P<digest>[0-9a-f]{64})")
_LOOK_AGAIN_S = 2.0
_MAX_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Key:
    """What is kept of a key."""

    name: str
    """Whose it is; it appears in logs, as the key itself never does."""
    scope: Scope
    digest: bytes
    """SHA-256 of the key."""

    def allows(self, scope: Scope) -> bool:
        """Whether what needs a scope may be done with it."""
        return scope == "read" or self.scope == "write"

    @property
    def entry(self) -> str:
        """The line that names it in a file or in the environment."""
        return f"{self.name}:{self.scope}:{self.digest.hex()}"


def make_key(name: str, scope: Scope) -> tuple[str, Key]:
    """Return a new key, which nobody can read again later, and what is kept of it.

    Raises ``SettingsError`` for a name with other characters than letters, digits and ``_.@-``.
    """
    secret = _PREFIX + secrets.token_urlsafe(32)
    key = Key(name, scope, _digest(secret))
    if not _ENTRY.fullmatch(key.entry):
        raise SettingsError(
            f"{name!r} cannot name a key", hint="letters, digits and _.@-, 64 at most"
        )
    return secret, key


def read_keys(text: str, where: str) -> tuple[Key, ...]:
    """Return the keys of a text: entries apart by white space or commas, comments from ``#`` on.

    Raises ``SettingsError`` naming the place, never what stands there: it may be a key.
    """
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        for entry in re.split(r"[\s,]+", line.partition("#")[0].strip()):
            if not entry:
                continue
            parts = _ENTRY.fullmatch(entry)
            if parts is None:
                raise SettingsError(
                    f"{where}, line {number}: no entry of a key",
                    hint="name:read:SHA256 or name:write:SHA256, as `searchengine key` prints it",
                )
            scope: Scope = "write" if parts["scope"] == "write" else "read"
            found.append(Key(parts["name"], scope, bytes.fromhex(parts["digest"])))
    return tuple(found)


def add_to_file(key: Key, file: Path) -> None:
    """Add a key's entry to a file, which only its owner can read if it is new.

    Raises ``SettingsError`` where the file cannot be written, or has a key of that name.
    """
    if file.exists() and any(one.name == key.name for one in Keys(file=file).known()):
        raise SettingsError(
            f"{file} has a key named {key.name!r} already", hint="remove its line first"
        )
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "r+", encoding="utf-8") as opened:
            text = opened.read()
            opened.write(("" if not text or text.endswith("\n") else "\n") + key.entry + "\n")
    except OSError as error:
        raise SettingsError(
            f"cannot write {file}: {error.strerror}", hint="name a file in a folder that exists"
        ) from None


class Keys:
    """The keys that are let in. A change of the file is seen within two seconds."""

    def __init__(self, entries: str = "", file: Path | None = None) -> None:
        """Raise ``SettingsError`` for entries that are none, and a file that cannot be read."""
        self._fixed = read_keys(entries, "service.keys")
        self._file = file
        self._looked = time.monotonic()
        self._stamp, self._filed = self._read()

    def __bool__(self) -> bool:
        """Whether there are any, or a file that may come to hold some."""
        return bool(self._fixed) or self._file is not None

    def find(self, presented: str) -> Key | None:
        """Return the key that was presented, ``None`` if it is none of them.

        All are compared, each in constant time: how long it takes says nothing of how near a
        guess was.
        """
        digest = _digest(presented)
        found = None
        for key in self.known():
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found

    def known(self) -> tuple[Key, ...]:
        """Return the keys that are let in now."""
        now = time.monotonic()
        if self._file is not None and now - self._looked >= _LOOK_AGAIN_S:
            self._looked = now
            try:
                if self._stamp != self._state():
                    self._stamp, self._filed = self._read()
            except SettingsError:
                # Being edited, or broken: whoever was let in by the file waits until it is mended.
                self._stamp, self._filed = None, ()
        return self._fixed + self._filed

    def _state(self) -> tuple[int, int, int]:
        assert self._file is not None
        try:
            seen = self._file.stat()
        except OSError as error:
            raise _unreadable(self._file, error) from None
        return seen.st_mtime_ns, seen.st_size, seen.st_ino

    def _read(self) -> tuple[tuple[int, int, int] | None, tuple[Key, ...]]:
        if self._file is None:
            return None, ()
        state = self._state()
        try:
            with self._file.open(encoding="utf-8") as file:
                text = file.read(_MAX_FILE_BYTES)
        except (OSError, UnicodeDecodeError) as error:
            raise _unreadable(self._file, error) from None
        return state, read_keys(text, str(self._file))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _unreadable(file: Path, error: OSError | UnicodeDecodeError) -> SettingsError:
    why = error.strerror if isinstance(error, OSError) else "it is no text"
    return SettingsError(
        f"cannot read the keys in {file}: {why}",
        hint="`searchengine key NAME --file FILE` begins one",
    )
