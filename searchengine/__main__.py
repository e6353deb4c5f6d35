"""``python -m searchengine``."""

from __future__ import annotations

from searchengine.cli import main

if __name__ == "__main__":
    main()
