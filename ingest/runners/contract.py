"""What a runner is: whoever runs a job, here or on a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from ingest.job import Job
    from ingest.report import Report


class Runner(Protocol):
    """Runs a job from its builders, so that a job can cross process and machine borders."""

    def run(
        self,
        job: Job,
        report: Report,
        *,
        stop: threading.Event | None = None,
        on_progress: Callable[[Report], None] | None = None,
    ) -> Report:
        """Run to the end, or until ``stop`` is set; fill in and return ``report``.

        Raises what stops a run; ``report`` then holds what was done before.
        """
