"""Labels and what they look like in words, from a command line or a file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from searchengine.errors import NotFoundError, QueryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

MAX_LABELS = 1_000
MAX_PROMPTS = 4_000
_FILE_BYTES = 4_000_000
_KEYS = frozenset({"name", "prompts", "against", "threshold", "action"})


@dataclass(frozen=True, slots=True)
class Label:
    """One label. Raises ``QueryError`` for one without a name or with nothing to look for."""

    name: str
    prompts: tuple[str, ...]
    """What it looks like, in words; an item is as near to the label as to the nearest of them."""
    against: tuple[str, ...] = ()
    """What it is mixed up with: an item nearer to one of these does not get the label."""
    threshold: float | None = None
    """The least relevance, 0 to 1, at which it applies; ``None``: the general one."""
    action: str = ""
    """What somebody else may do with items of this label: ``flag`` or ``hide`` in moderation."""

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise QueryError("a label has no name", hint="write NAME, or NAME: words; other words")
        if not self.prompts or not all(text.strip() for text in (*self.prompts, *self.against)):
            raise QueryError(f"the label {self.name!r} has an empty description")
        least = self.threshold
        if least is not None and not (math.isfinite(least) and 0 <= least <= 1):
            raise QueryError(f"the threshold of {self.name!r} is {least}, not between 0 and 1")


def parse_label(text: str) -> Label:
    """Return the label that ``dress`` or ``knitwear: a knitted sweater; a cardigan`` stands for."""
    name, colon, rest = text.partition(":")
    if not colon:
        return Label(name.strip(), (name.strip(),))
    prompts = tuple(part.strip() for part in rest.split(";") if part.strip())
    return Label(name.strip(), prompts or (name.strip(),))


def check_labels(labels: Iterable[Label]) -> tuple[Label, ...]:
    """Return the labels if they can be told apart, else raise ``QueryError``."""
    chosen = tuple(labels)
    if not chosen:
        raise QueryError(
            "there are no labels to choose from",
            hint='searchengine classify dress shirt "shoes: a pair of shoes; boots", '
            "or --labels FILE",
        )
    names = [label.name for label in chosen]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise QueryError(
            f"the label {twice[0]!r} is there twice", hint=f"{twice[0]}: one thing; another thing"
        )
    prompts = sum(len(label.prompts) + len(label.against) for label in chosen)
    if len(chosen) > MAX_LABELS or prompts > MAX_PROMPTS:
        raise QueryError(
            f"{len(chosen):,} labels with {prompts:,} descriptions are too many: "
            f"{MAX_LABELS:,} labels and {MAX_PROMPTS:,} descriptions are the limit"
        )
    return chosen


def read_labels(path: Path) -> tuple[Label, ...]:
    """Return the labels of a file.

    ``.yaml``, ``.yml`` and ``.json`` hold a list of labels, or a mapping from names to
    descriptions, on its own or under ``labels`` or ``categories``; any other file a label a
    line, as on the command line, with ``#`` before a remark. Raises ``NotFoundError`` and
    ``QueryError``.
    """
    try:
        if path.stat().st_size > _FILE_BYTES:
            raise QueryError(f"{path} is too large for a list of labels")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise NotFoundError(f"cannot read labels from {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise QueryError(f"{path} is no text in UTF-8") from None
    if path.suffix.lower() in {".yaml", ".yml", ".json"}:
        return check_labels(labels_of(_read_yaml(text, path), str(path)))
    lines = (line.strip() for line in text.splitlines())
    return check_labels(parse_label(line) for line in lines if line and line[0] != "#")


def labels_of(value: Any, origin: str) -> list[Label]:
    """Return the labels that a value of a YAML or JSON file stands for."""
    if isinstance(value, dict):
        for key in ("labels", "categories"):
            if key in value:
                return labels_of(value[key], origin)
        return [_label({"name": name, "prompts": rest}, origin) for name, rest in value.items()]
    if not isinstance(value, list):
        raise QueryError(f"{origin} holds no list of labels")
    return [parse_label(one) if isinstance(one, str) else _label(one, origin) for one in value]


def _label(value: Any, origin: str) -> Label:
    if isinstance(value, dict) and len(value) == 1 and not _KEYS & set(value):
        ((name, prompts),) = value.items()
        value = {"name": name, "prompts": prompts}
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise QueryError(f"{origin}: {str(value)[:60]!r} is no label", hint="- name: dress")
    unknown = sorted(map(str, set(value) - _KEYS))
    if unknown:
        raise QueryError(
            f"{origin}: label {value['name']!r} has {unknown[0]!r}, which means nothing",
            hint=f"a label has {', '.join(sorted(_KEYS))}",
        )
    name = value["name"].strip()
    threshold = value.get("threshold")
    if isinstance(threshold, bool) or not isinstance(threshold, int | float | None):
        raise QueryError(f"{origin}: the threshold of {name!r} is no number")
    action = value.get("action") or ""
    if not isinstance(action, str):
        raise QueryError(f"{origin}: the action of {name!r} is no word")
    return Label(
        name,
        _texts(value.get("prompts"), name, origin) or (name,),
        _texts(value.get("against"), name, origin),
        None if threshold is None else float(threshold),
        action,
    )


def _texts(value: Any, name: str, origin: str) -> tuple[str, ...]:
    if value is None:
        return ()
    parts: Sequence[Any] = value.split(";") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise QueryError(f"{origin}: the descriptions of {name!r} are no texts")
    return tuple(part.strip() for part in parts if part.strip())


def _read_yaml(text: str, path: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        at = f", line {where.line + 1}" if where is not None else ""
        raise QueryError(f"{path}{at}: this is no YAML") from None
