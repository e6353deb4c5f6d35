"""``python -m searchengine``."""

from __future__ import annotations

from searchengine.cli import run

if __name__ == "__main__":
    run()
