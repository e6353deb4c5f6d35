"""This process runs the pipeline, with threads."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ingest.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.job import Job
    from ingest.report import Report


class LocalRunner:
    """Runs a job in this process."""

    def run(
        self,
        job: Job,
        report: Report,
        *,
        stop: threading.Event | None = None,
        on_progress: Callable[[Report], None] | None = None,
    ) -> Report:
        """Run a job; see ``contract.Runner``."""
        source = job.build_source()  # a missing path is told before anything else happens
        store = job.build_store()
        try:
            Pipeline(
                job,
                source,
                store,
                report,
                stop or threading.Event(),
                on_progress or (lambda _: None),
            ).run()
        finally:
            store.close()
            report.finish()
        return report
