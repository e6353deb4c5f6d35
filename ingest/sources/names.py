"""Which names in a folder mean what, and which are left alone."""

from __future__ import annotations

import os
import re
from fnmatch import translate
from typing import TYPE_CHECKING

from searchengine.containers.contract import CONTAINER_SUFFIXES
from searchengine.decode import IMAGE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Sequence

PROSE_SUFFIXES: frozenset[str] = frozenset({".txt", ".md"})
"""One text a paragraph."""
TABLE_SUFFIXES: frozenset[str] = frozenset({".jsonl", ".csv", ".parquet"})
"""One text a row."""
TEXT_SUFFIXES = PROSE_SUFFIXES | TABLE_SUFFIXES
SIDECAR_SUFFIXES = (".txt", ".json")
"""A file of a picture's stem with one of these holds its caption."""
CAPTION_TABLES = ("captions.jsonl", "captions.csv", "captions.parquet")
"""Tables that hold captions of the pictures in their folder and below it."""
PICTURE_SUFFIXES = IMAGE_SUFFIXES | CONTAINER_SUFFIXES
"""Names that promise one picture or many."""
KNOWN_SUFFIXES = PICTURE_SUFFIXES | TEXT_SUFFIXES | {".json"}

_JUNK = frozenset(
    {"__macosx", "thumbs.db", "desktop.ini", "@eadir", "#recycle", "$recycle.bin"}
    | {"system volume information", "lost+found"}
)


def suffix_of(name: str) -> str:
    """Return the suffix in lower case, with its dot; empty if there is none."""
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""


def stem_of(name: str) -> str:
    """Return the name without its suffix."""
    dot = name.rfind(".")
    return name[:dot] if dot > 0 else name


def is_junk(name: str) -> bool:
    """Whether a file or folder is hidden, or is something that systems leave behind."""
    return name.startswith(".") or name.lower() in _JUNK


class Exclusion:
    """Globs of what is left alone.

    A pattern matches a name, or a path relative to the root (an absolute
    pattern: the whole path). ``*`` also matches ``/``, so ``**`` is the same;
    what lies in an excluded folder is excluded with it.
    """

    def __init__(self, globs: Sequence[str]) -> None:
        variants: dict[str, None] = {}
        for glob in globs:
            glob = glob.replace(os.sep, "/").rstrip("/")
            if glob:
                variants[glob] = None
                variants[glob.replace("**/", "")] = None
        self._pattern = re.compile("|".join(translate(v) for v in variants)) if variants else None
        self._absolute = any(os.path.isabs(v) for v in variants)

    def __call__(self, name: str, relative: str, path: str) -> bool:
        """Whether a name, its path from the root and its whole path are excluded."""
        if self._pattern is None:
            return False
        match = self._pattern.match
        if match(name) or match(relative):
            return True
        return self._absolute and match(path.replace(os.sep, "/")) is not None
