"""The command line: one thin file a verb."""

from __future__ import annotations

from searchengine.cli.app import main, run

__all__ = ["main", "run"]
