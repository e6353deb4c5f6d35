"""Imports pymilvus without pandas and requests, which it names at its top and we never need.

pandas takes a quarter of the time of a command that finds nothing to do. While pymilvus is being
imported a stand-in takes its place; whatever is asked of the stand-in later is answered by the
real one, imported then, so that other users of pymilvus in this process notice nothing.

pyarrow, under Milvus Lite, looks for pandas as well, and does without where there is none. A
process that is wholly ours, the command line, says ``leave_out_pandas``.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_NAMES = ("pandas", "pandas.api", "pandas.api.types", "requests")
_ours = False


class _Frame:
    """What ``pandas.DataFrame`` is in annotations that are evaluated during the import."""


class _Later(ModuleType):
    """A module that is looked up when something in it is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is not self:  # the import is over
            return getattr(import_module(self.__name__), name)
        if name[:1].isupper():
            return _Frame

        def call(*args: Any, **kwargs: Any) -> Any:
            return getattr(import_module(self.__name__), name)(*args, **kwargs)

        return call


def leave_out_pandas() -> None:
    """Say that nothing in this process will want a data frame; pandas cannot be imported then."""
    global _ours
    _ours = True


def import_pymilvus() -> None:
    """Import pymilvus; pandas is imported with it only if something else has done so already."""
    if "pymilvus" in sys.modules or "pandas" in sys.modules:
        import_module("pymilvus")
        return
    stand_ins = {name: _Later(name) for name in _NAMES if name not in sys.modules}
    for name, module in stand_ins.items():
        module.__spec__ = ModuleSpec(name, None, is_package=True)
        module.__path__ = []
    sys.modules.update(stand_ins)
    try:
        import_module("pymilvus")
    finally:
        for name, module in stand_ins.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
        if _ours:
            sys.modules["pandas"] = None  # type: ignore[assignment]  # makes its import fail


def settle_arrow() -> None:
    """Have pyarrow find out, before anybody uses it, whether there is pandas.

    It looks once, when it meets its first array. Its compiled import takes the ``None`` that
    stands for "not there" for the module, so that the first look fails, and later ones do not.
    """
    if sys.modules.get("pandas", sys) is not None:
        return
    import numpy
    import pyarrow

    with suppress(AttributeError):
        pyarrow.array(numpy.zeros(1))
