"""The writing side: from files to rows in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ingest.report import Report

__all__ = ["index"]


def index(
    paths: Sequence[str | Path],
    *,
    recursive: bool = True,
    exclude: Sequence[str] = (),
    prune: bool = True,
    dry_run: bool = False,
    on_progress: Callable[[Report], None] | None = None,
    **flags: Any,
) -> Report:
    """Index files and folders in this process, as ``searchengine index`` does; return the report.

    Keyword arguments beyond those named are settings with ``__`` for the dot:
    ``index(["photos"], corpus="holidays", model__name="local-dir:./model")``.

    Raises ``NotFoundError`` for a missing path and what else stops a run;
    items that fail are counted in the report.
    """
    from ingest.job import job_for
    from ingest.report import Report
    from ingest.runners.local import LocalRunner
    from searchengine.settings import load_settings

    settings = load_settings(
        flags={name.replace("__", "."): value for name, value in flags.items()}
    )
    job = job_for(
        paths, settings, recursive=recursive, exclude=exclude, prune=prune, dry_run=dry_run
    )
    return LocalRunner().run(job, Report(), on_progress=on_progress)
