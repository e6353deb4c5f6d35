"""Where the time of the last requests went, route by route, as figures and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from searchengine.service.meters import STAGES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from searchengine.service.meters import Timed

COLUMNS = ("total", "overhead", *STAGES)
"""``overhead`` is what is left of ``total`` without ``encode`` and ``database``."""


def stage_figures(latest: Mapping[str, Sequence[Timed]]) -> dict[str, dict[str, dict[str, float]]]:
    """Return for each route and column p50 and p99, in milliseconds.

    A percentile of each column by itself: those of the stages do not add up to that of the total.
    """
    return {
        route: {
            column: {
                "p50_ms": round(float(np.percentile(values, 50)) * 1e3, 3),
                "p99_ms": round(float(np.percentile(values, 99)) * 1e3, 3),
            }
            for column, values in _columns(some).items()
        }
        for route, some in latest.items()
        if some
    }


def stage_table(latest: Mapping[str, Sequence[Timed]]) -> str:
    """Return two lines a route, p50 and p99, in milliseconds, columns aligned."""
    heads = ("route", "requests", "ms", *COLUMNS)
    rows: list[tuple[str, ...]] = [heads]
    for route, figures in stage_figures(latest).items():
        for which in ("p50", "p99"):
            first = (route, str(len(latest[route]))) if which == "p50" else ("", "")
            cells = (f"{figures[column][f'{which}_ms']:.2f}" for column in COLUMNS)
            rows.append((*first, which, *cells))
    widths = [max(len(row[at]) for row in rows) for at in range(len(heads))]
    lines = (
        "  ".join(
            cell.ljust(width) if at in (0, 2) else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "".join(line.rstrip() + "\n" for line in lines)


def _columns(some: Sequence[Timed]) -> dict[str, list[float]]:
    columns: dict[str, list[float]] = {column: [] for column in COLUMNS}
    for one in some:
        away = one.stages.get("encode", 0.0) + one.stages.get("database", 0.0)
        columns["total"].append(one.seconds)
        columns["overhead"].append(max(0.0, one.seconds - away))
        for stage in STAGES:
            columns[stage].append(one.stages.get(stage, 0.0))
    return columns
