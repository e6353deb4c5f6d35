"""What is remembered about models between runs, so that torch need not be asked again.

One small JSON file: the hash of each weights file seen, what each model from
the hub turned out to be, how checks of the libraries came out, and how models
run best on this machine. All of it can be found out again, so a damaged or
missing file costs time and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import time
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)
_SCHEME = 1
_FRESH_NS = 2_000_000_000
"""A file changed this recently may change again within one tick of its clock."""
_CHUNK = 1 << 22


def memory_file(cache_dir: Path | None) -> Path:
    """Return where the memory is kept: under ``cache_dir``, or the user's cache folder."""
    if cache_dir is None:
        import platformdirs

        cache_dir = Path(platformdirs.user_cache_dir("searchengine", appauthor=False))
    return cache_dir / "models.json"


def file_hash(path: Path, *, cache_dir: Path | None = None) -> str:
    """Return blake2b-128 (32 hex digits) of a file's bytes, read only if it has changed.

    "Changed" means another size, modification time or inode. Raises ``OSError``.
    """
    stat = path.stat()
    state = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
    known = _read(cache_dir)["files"].get(str(path))
    if isinstance(known, list) and known[:3] == state and len(known) == 4:
        return str(known[3])
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    if time.time_ns() - stat.st_mtime_ns > _FRESH_NS:
        _remember("files", str(path), [*state, digest.hexdigest()], cache_dir)
    return digest.hexdigest()


def recall_model(name: str, *, cache_dir: Path | None = None) -> dict[str, Any] | None:
    """Return what ``remember_model`` was told, if anything."""
    known = _read(cache_dir)["models"].get(name)
    return known if isinstance(known, dict) else None


def remember_model(name: str, record: dict[str, Any], *, cache_dir: Path | None = None) -> None:
    """Remember a JSON record about the model of that canonical spelling."""
    if recall_model(name, cache_dir=cache_dir) != record:
        _remember("models", name, record, cache_dir)


def recall_check(name: str, *, cache_dir: Path | None = None) -> bool | None:
    """Return how a check came out, ``None`` if it has not been made here."""
    known = _read(cache_dir)["checks"].get(name)
    return known if isinstance(known, bool) else None


def remember_check(name: str, passed: bool, *, cache_dir: Path | None = None) -> None:
    """Remember how a check came out; its name says all that it depends on."""
    _remember("checks", name, passed, cache_dir)


def recall_choice(key: str, *, cache_dir: Path | None = None) -> dict[str, Any] | None:
    """Return what ``remember_choice`` was told, if anything."""
    known = _read(cache_dir)["choices"].get(key)
    return known if isinstance(known, dict) else None


def remember_choice(key: str, record: dict[str, Any], *, cache_dir: Path | None = None) -> None:
    """Remember a JSON record of how a model is run."""
    _remember("choices", key, record, cache_dir)


def _read(cache_dir: Path | None) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(memory_file(cache_dir).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # absent, unreadable or damaged: find everything out again
        found = None
    kinds = ("files", "models", "checks", "choices")
    sections: dict[str, dict[str, Any]] = {kind: {} for kind in kinds}
    if isinstance(found, dict) and found.get("scheme") == _SCHEME:
        for section in sections:
            if isinstance(found.get(section), dict):
                sections[section] = found[section]
    return sections


def _remember(section: str, key: str, value: Any, cache_dir: Path | None) -> None:
    """Write one entry. Of two processes at the same moment one may lose its entry."""
    memory = _read(cache_dir)
    memory[section][key] = value
    path = memory_file(cache_dir)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({"scheme": _SCHEME, **memory}, file, indent=1, sort_keys=True)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        _log.warning("cannot write %s (%s): weights are read whole at each start", path, error)
