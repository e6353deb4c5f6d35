"""Tasks from classes: a picture looks for its kind, and so does the name of the kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchengine.errors import QueryError
from searchengine.evaluate.galleries import SideGallery, StoredVectors
from searchengine.evaluate.task import Task
from searchengine.records import ITEM_FIELDS

if TYPE_CHECKING:
    from searchengine.evaluate.galleries import TextVectors
    from searchengine.store.contract import SideInfo, Store

_META = "meta."


@dataclass(frozen=True, slots=True)
class Classes:
    """Which image is of which class."""

    members: Mapping[str, frozenset[str]]
    """Ids by name of the class."""
    unlabelled: int
    """Images without one: they are searched, and never right."""


def read_classes(store: Store, info: SideInfo, name: str) -> Classes:
    """Return the classes of all images: the values of a field.

    ``folder`` is the name of the folder a file lies in (its last part only); any other field of an
    item, or ``meta.KEY``, stands for itself. Raises ``QueryError`` for what is no such field,
    for a field no image has, and for one that holds lists.
    """
    column = "meta" if name.startswith(_META) else name
    if column not in ITEM_FIELDS or name == "meta":
        known = ", ".join(field for field in ITEM_FIELDS if field != "meta")
        raise QueryError(
            f"there is no field {name!r} to take classes from",
            hint=f"the fields are: {known}, and meta.KEY for a column of your own",
        )
    members: dict[str, set[str]] = {}
    unlabelled = 0
    keys: set[str] = set()
    for row in store.scan(info.side, fields=tuple({"id": None, column: None})):
        value = _value(row[column], name)
        keys |= set(row["meta"]) if column == "meta" else set()
        if value is None:
            unlabelled += 1
        else:
            members.setdefault(value, set()).add(row["id"])
    if not members:
        known = ", ".join(f"{_META}{key}" for key in sorted(keys)[:10])
        raise QueryError(
            f"no image of the corpus has a {name}",
            hint=f"there is {known}" if known else "try --classes folder",
        )
    return Classes({one: frozenset(members[one]) for one in sorted(members)}, unlabelled)


def images_by_class(store: Store, info: SideInfo, classes: Classes) -> Task:
    """Return the task in which every image looks for the others of its class, itself left out.

    An image that is alone in its class has nothing to find and is not asked.
    """
    members = {one: ids for ids in classes.members.values() if len(ids) > 1 for one in ids}
    keys = tuple(sorted(members))
    return Task(
        name="image-to-image",
        asked="images",
        searched="images",
        gallery=SideGallery(store, info),
        keys=keys,
        right=tuple(members[key] for key in keys),
        vectors=StoredVectors(store, info),
        leave_out=True,
    )


def names_by_class(store: Store, info: SideInfo, classes: Classes, texts: TextVectors) -> Task:
    """Return the task in which the bare name of every class looks for its images.

    An underscore, as in ``golden_retriever``, is asked as a space.
    """
    return Task(
        name="text-to-image",
        asked="class names",
        searched="images",
        gallery=SideGallery(store, info),
        keys=tuple(classes.members),
        right=tuple(classes.members.values()),
        vectors=lambda names: texts([name.replace("_", " ").strip() or name for name in names]),
    )


def _value(value: Any, name: str) -> str | None:
    if name.startswith(_META):
        key = name.removeprefix(_META)
        value = value[key] if key in value else _nested(value, key)
    if value is None or value == "":
        return None
    if isinstance(value, list | dict):
        raise QueryError(
            f"{name} holds {'lists' if isinstance(value, list) else 'objects'}, and a class is "
            "one value",
            hint="name a field that holds one word or number",
        )
    text = str(value)
    return Path(text).name or text if name == "folder" else text


def _nested(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value
