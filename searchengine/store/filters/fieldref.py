"""The field that a predicate is about."""

from __future__ import annotations

from dataclasses import dataclass

from searchengine.errors import FilterError
from searchengine.store.fields import BY_NAME, Column, Kind, clean_text
from searchengine.store.filters.literals import shown

PLACE = "gps"
"""What latitude and longitude are called together. It is no field of its own."""

_LIKENESS = 0.75
"""Of spellings, as ``difflib`` has it: rating is not to be taken for caption."""
_BEGINNING = 3
_BRIEF = 40


@dataclass(frozen=True, slots=True)
class FieldRef:
    """A field, or with a path a value inside ``meta``: ``meta.camera.body``."""

    name: str
    path: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        column = BY_NAME.get(self.name)
        if column is None:
            raise _no_field(self.name)
        if column.kind is Kind.JSON and not self.path:
            raise FilterError(
                f"{self.name} holds many values", hint=f"Name one of them: {self.name}.KEY"
            )
        if column.kind is not Kind.JSON and self.path:
            keys = shown(".".join(self.path))
            raise FilterError(f"{self.name} is a single value and has no {keys}")
        object.__setattr__(self, "path", tuple(clean_text(key) for key in self.path))

    @property
    def column(self) -> Column:
        """The column behind the field."""
        return BY_NAME[self.name]

    def __str__(self) -> str:
        return ".".join((self.name, *self.path))


def field_ref(field: str | FieldRef) -> FieldRef:
    """Return the field that a dotted name stands for."""
    if isinstance(field, FieldRef):
        return field
    name, *path = field.split(".")
    return FieldRef(name, tuple(path))


def nearest(name: str, known: list[str]) -> str:
    """Return the one that is spelled most like the name, or begins like it; empty if none does."""
    import difflib

    name, folded = name.lower()[:100], {one.lower(): one for one in known}
    found = difflib.get_close_matches(name, folded, n=1, cutoff=_LIKENESS)
    if not found and len(name) >= _BEGINNING:
        found = [one for one in folded if one.startswith(name)][:1]
    return folded[found[0]] if found else ""


def _no_field(name: str) -> FilterError:
    if name == PLACE:
        return FilterError(
            f"{PLACE} is a place and cannot be compared",
            hint=f"Write within({PLACE}, LATITUDE, LONGITUDE, 20km), or {PLACE} is not null.",
        )
    near = nearest(name, list(BY_NAME))
    meant = f"Did you mean {near}? " if near else ""
    own = f"meta.{name}" if name.isidentifier() and len(name) <= _BRIEF else "meta.KEY"
    known = ", ".join("meta.KEY" if one == "meta" else one for one in BY_NAME)
    return FilterError(
        f"there is no field {shown(name)}",
        hint=f"{meant}The fields are: {known}. Your own columns are inside meta: {own}.",
    )
