"""Why an item scores as it does: which terms and words moved the score, and where it looks."""

from __future__ import annotations
