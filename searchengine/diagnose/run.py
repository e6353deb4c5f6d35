"""All checks side by side, each with its own limit of time."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from searchengine.diagnose.check import Check, first_line
from searchengine.diagnose.databases import check_database
from searchengine.diagnose.decoding import check_decoding
from searchengine.diagnose.models import check_drawn_scenes, check_model, configured_model
from searchengine.diagnose.runtime import (
    IMPORT_TIMEOUT_S,
    check_accelerator,
    check_open_clip,
    check_pymilvus,
    check_python,
    check_torch,
    probe,
)
from searchengine.diagnose.surroundings import check_formats, check_settings, check_space
from searchengine.diagnose.towers import check_runtimes
from searchengine.errors import SearchEngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from searchengine.settings import Settings

_QUICK_S = 20.0
"""For what should take milliseconds; a network drive may hang."""


@dataclass(frozen=True, slots=True)
class Job:
    """A check (or several that share their findings) with a limit of time in seconds."""

    name: str
    run: Callable[[], list[Check]]
    limit_s: float = _QUICK_S


@dataclass(slots=True)
class _Running:
    job: Job
    thread: threading.Thread
    checks: list[Check] = field(default_factory=list)


def run_checks(settings: Settings, *, config: str | None = None) -> list[Check]:
    """Look at everything; return the findings in a fixed order.

    ``config`` is the value of ``--config``, to say which file is in force.
    Never raises and never waits for ever: a check that fails, or takes longer
    than its limit, is a finding itself.
    """
    return run_jobs(
        [
            Job("settings", lambda: [check_settings(config)]),
            Job("python", lambda: [check_python()]),
            Job("torch", lambda: _check_models(settings), IMPORT_TIMEOUT_S + _QUICK_S),
            Job("runtimes", lambda: [check_runtimes(settings)]),
            Job("drawn-scenes", lambda: [check_drawn_scenes()]),
            Job("pymilvus", lambda: [check_pymilvus()], IMPORT_TIMEOUT_S + _QUICK_S),
            Job(
                "database",
                lambda: [check_database(settings)],
                # connecting, the version, the list of corpora
                3 * settings.store.timeout_s + _QUICK_S,
            ),
            Job("data", lambda: [check_space("data", "data_dir", settings.data_dir)]),
            Job("cache", lambda: [check_space("cache", "cache_dir", settings.cache_dir)]),
            Job("decoding", lambda: [check_decoding()]),
            Job("formats", check_formats),
        ]
    )


def run_jobs(jobs: list[Job]) -> list[Check]:
    """Run all at once; return their findings in the order of the jobs."""
    started = time.monotonic()
    running = [_start(job) for job in jobs]
    checks: list[Check] = []
    for one in running:
        one.thread.join(max(0.0, started + one.job.limit_s - time.monotonic()))
        if one.thread.is_alive():
            said = f"did not finish in {one.job.limit_s:g} s"
            checks.append(Check(one.job.name, "fail", said))
        else:
            checks += one.checks
    return checks


def _start(job: Job) -> _Running:
    def work() -> None:
        try:
            running.checks = job.run()
        except Exception as error:  # a check that breaks must not hide the others
            said = f"the check itself failed: {type(error).__name__}: {first_line(error)}"
            running.checks = [Check(job.name, "fail", said)]

    running = _Running(job, threading.Thread(target=work, daemon=True))
    running.thread.start()
    return running


def _check_models(settings: Settings) -> list[Check]:
    """Look at torch and at all that only it can tell, importing it once."""
    try:
        ref = configured_model(settings)
    except SearchEngineError:
        ref = None  # the check of the model says why
    stages = probe(ref)
    return [
        check_torch(stages),
        check_accelerator(stages, settings),
        check_open_clip(stages),
        check_model(settings, stages),
    ]
