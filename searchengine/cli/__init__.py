"""The command line: one thin file a verb."""

from __future__ import annotations

from searchengine.cli.app import main

__all__ = ["main"]
