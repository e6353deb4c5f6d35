"""What all routes share, and how they get at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

if TYPE_CHECKING:
    from searchengine.service.corpora import Corpora
    from searchengine.service.jobs import Jobs
    from searchengine.service.meters import Meters
    from searchengine.service.threads import Threads
    from searchengine.service.warmth import Warmth
    from searchengine.settings import Settings


@dataclass(frozen=True)
class Service:
    """Made once, when the application is."""

    settings: Settings
    corpora: Corpora
    threads: Threads
    meters: Meters
    watching: Threads
    """For those who look after the service: they are answered while requests queue up."""
    warmth: Warmth
    jobs: Jobs

    def close(self) -> None:
        """Take no further work, and let go of the database."""
        self.jobs.closed.set()
        self.warmth.end()
        self.watching.close()
        self.threads.close()
        self.corpora.close()


def _service(request: Request) -> Service:
    found = request.app.state.service
    assert isinstance(found, Service)
    return found


Shared = Annotated[Service, Depends(_service)]
"""A parameter of a route: ``service: Shared``."""
