"""Options in groups: a frozen dataclass of options that several verbs take as one parameter.

Typer reads a verb's signature. ``spread`` gives it one in which each field of
each group is an option of its own, listed by ``--help`` under the group's
``PANEL``, and hands the verb the groups, filled.
"""

from __future__ import annotations

import inspect
from copy import copy
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable

_Verb = TypeVar("_Verb", bound="Callable[..., None]")


def spread(verb: _Verb) -> _Verb:
    """Return the verb with its groups spread out into options, in the order they are written."""
    hints = get_type_hints(verb, include_extras=True)
    plain: list[inspect.Parameter] = []
    groups: dict[str, Any] = {}
    for name, parameter in inspect.signature(verb).parameters.items():
        if is_dataclass(hints[name]):
            groups[name] = hints[name]
            plain += _options(hints[name])
        else:
            plain.append(_keyword(name, hints[name], parameter.default))

    @wraps(verb)
    def spread_out(**given: Any) -> None:
        filled = {
            name: group(**{field.name: given.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        verb(**given, **filled)

    # The arguments of a command line come before its options, whatever has a default.
    spread_out.__signature__ = inspect.Signature(plain)  # type: ignore[attr-defined]
    spread_out.__annotations__ = {one.name: one.annotation for one in plain}
    del spread_out.__wrapped__
    return spread_out  # type: ignore[return-value]


def _options(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        _keyword(
            field.name,
            _under(group.PANEL, hints[field.name]),
            inspect.Parameter.empty if field.default is MISSING else field.default,
        )
        for field in fields(group)
    ]


def _under(panel: str, annotation: Any) -> Any:
    """Return the annotation of an option that ``--help`` lists under a heading."""
    kind, option = get_args(annotation)
    option = copy(option)
    option.rich_help_panel = panel
    return Annotated[kind, option]


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )
