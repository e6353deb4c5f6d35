"""What is wrong with this installation, and the command that mends it.

Read-only: nothing is created, downloaded or changed. Each check is bounded in
time, and none can hide another.
"""

from __future__ import annotations

from searchengine.diagnose.check import Check, Status, as_json, checks_table, worst
from searchengine.diagnose.run import run_checks

__all__ = ["Check", "Status", "as_json", "checks_table", "run_checks", "worst"]
