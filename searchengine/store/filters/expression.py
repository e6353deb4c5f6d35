"""An expression in Milvus's filter language, and what is known about it."""

from __future__ import annotations

from dataclasses import dataclass

ALWAYS = '(id != "")'
NEVER = '(id == "")'
"""Milvus has no literal true; every id is a text and none is empty."""
MAX_TERMS = 200
"""Comparisons an expression may have. Milvus 2.3.5 answers one of 500 in 0.9 s, and one of 2,000
not within 10 s."""
MAX_DEPTH = 20
"""Levels an expression may have. Milvus Lite 3.2 answers one of 64 levels, and none of 128."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a backend's expressions can do."""

    infix_like: bool
    """``like "%text%"``: Lite, and servers since 2.4."""
    json_null: bool
    """``meta["key"] is null``: Lite."""
    json_numbers: bool
    """JSON numbers and booleans are told apart: servers. Lite takes ``true`` for 1."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """An expression that holds for every matching row, and maybe for more."""

    expression: str
    exact: bool
    """Whether it holds for the matching rows alone."""
    total: bool = True
    """Whether it is true or false of every row. Lite says "unknown" of a number
    compared with a text, and of the negation of that."""
    terms: int = 1
    """How much there is to it: see ``MAX_TERMS``."""
    depth: int = 0
    """Levels of and, or, not in it."""

    @property
    def says_nothing(self) -> bool:
        """Whether it lets everything through and leaves it all to ``matches``."""
        return self.expression == ALWAYS and not self.exact


ANYTHING = Pushed(ALWAYS, exact=False)
"""What is left to ``matches`` altogether."""


def quote(text: str) -> str:
    """Return the text as a Milvus string literal. Whatever it holds stays inside it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r") + '"'


def all_of(parts: list[Pushed]) -> Pushed:
    """All of them; what would make the expression too large is left to ``matches``."""
    kept: list[Pushed] = []
    spent, whole = 0, True
    for part in parts:
        if part.expression == ALWAYS:
            continue
        if part.depth < MAX_DEPTH and spent + part.terms <= MAX_TERMS:
            kept.append(part)
            spent += part.terms
        else:
            whole = False
    said = join(" and ", [part.expression for part in kept], ALWAYS)
    return _combined(said, parts if whole else [*parts, ANYTHING], kept)


def any_of(parts: list[Pushed]) -> Pushed:
    """Any of them; nothing can be left out of that."""
    if any(part.says_nothing or part.depth >= MAX_DEPTH for part in parts):
        return ANYTHING
    if sum(part.terms for part in parts) > MAX_TERMS:
        return ANYTHING
    return _combined(join(" or ", [part.expression for part in parts], NEVER), parts, parts)


def _combined(expression: str, parts: list[Pushed], kept: list[Pushed]) -> Pushed:
    return Pushed(
        expression,
        exact=all(part.exact for part in parts),
        total=all(part.total for part in parts),
        terms=max(1, sum(part.terms for part in kept)),
        depth=max((part.depth for part in kept), default=0) + (len(kept) > 1),
    )


def join(word: str, parts: list[str], none: str) -> str:
    if not parts:
        return none
    return parts[0] if len(parts) == 1 else "(" + word.join(parts) + ")"


def text_after(prefix: str) -> str | None:
    """Return the least text greater than every text with the prefix, ``None`` if there is none."""
    stem = prefix.rstrip("\U0010ffff")
    if not stem:
        return None
    point = ord(stem[-1]) + 1
    return stem[:-1] + chr(0xE000 if point == 0xD800 else point)
