"""Content moderation: one set of labels over ``classify``, with a report of what to look at.

Nothing is deleted and nothing is hidden by it: the report says what a person should see first.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from searchengine.classify.labels import read_labels
from searchengine.errors import QueryError

if TYPE_CHECKING:
    from searchengine.classify.decide import Verdict
    from searchengine.classify.labels import Label

ACTIONS = ("flag", "hide")
"""From the mildest to the strictest."""

WARNING = (
    "This is a zero-shot filter: it compares pictures with descriptions in words. It misses what "
    "the model has never been told of, flags what is harmless (medicine, art, beaches, sport), is "
    "as biased as the pictures the model learnt from, and has not been measured on real harmful "
    "content. Use it to sort what people look at first, never as the only guard."
)


def read_categories(path: Path | None = None) -> tuple[Label, ...]:
    """Return the categories of a moderation file; by default those that ship.

    Raises ``NotFoundError`` and ``QueryError``; every category needs an action.
    """
    if path is None:
        from searchengine.configs_path import config_file

        path = config_file("moderation.yaml")
    categories = read_labels(path)
    for category in categories:
        if (category.action or ACTIONS[0]) not in ACTIONS:
            raise QueryError(
                f"{path}: the action of {category.name!r} is {category.action!r}",
                hint=f"actions are {' and '.join(ACTIONS)}",
            )
    return tuple(replace(one, action=one.action or ACTIONS[0]) for one in categories)


def action_for(verdict: Verdict, categories: tuple[Label, ...]) -> str:
    """Return the strictest action among the categories that apply, ``""`` for none."""
    taken = {one.action for one in categories if one.name in verdict.names}
    return next((action for action in reversed(ACTIONS) if action in taken), "")
