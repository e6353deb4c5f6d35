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
    from searchengine.service.thumbnails import Thumbnails
    from searchengine.service.uploads import Uploads
    from searchengine.service.warmth import Warmth
    from searchengine.settings import Settings
    from searchengine.writing import Writer


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
    thumbnails: Thumbnails
    uploads: Uploads
    writer: Writer | None
    """Who indexes what is sent; ``None`` where nothing is taken."""

    def close(self) -> None:
        """Take no further work, and let go of the database."""
        self.jobs.closed.set()
        self.warmth.end()
        self.watching.close()
        self.threads.close()
        if self.writer is not None:
            self.writer.close(self.corpora.opened)
        self.corpora.close()


def service_of(request: Request) -> Service:
    """Return what all routes share."""
    found = request.app.state.service
    assert isinstance(found, Service)
    return found


async def _service(request: Request) -> Service:  # in the event loop: there is nothing to wait for
    return service_of(request)


Shared = Annotated[Service, Depends(_service)]
"""A parameter of a route that FastAPI calls: ``service: Shared``."""
