"""Who may ask what, how much, and from where. Every request passes here before anything reads it.

::

    keys.py         API keys: made, hashed, read from a file and the environment
    exposure.py     whether it is safe to start at the address asked for
    origins.py      the Host and Origin headers: no DNS rebinding, no requests from other pages
    gate.py         which request needs which key, and how often one may ask
    buckets.py      how often: token buckets in bounded memory
    bodies.py       how large a body may be, and how slowly it may come
    connections.py  the same for what comes before the body, on the socket
    headers.py      what browsers are told to refuse
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.middleware.cors import CORSMiddleware

from searchengine.service.guard.bodies import Bodies, BodyRefusedError, Room, refused
from searchengine.service.guard.exposure import check_exposure
from searchengine.service.guard.gate import Gate
from searchengine.service.guard.headers import SecurityHeaders
from searchengine.service.guard.keys import Keys
from searchengine.service.guard.origins import Origins

if TYPE_CHECKING:
    from fastapi import FastAPI

    from searchengine.settings import ServiceSettings


def install(app: FastAPI, chosen: ServiceSettings) -> None:
    """Put the guards in front of an application, the outermost last.

    Raises ``SettingsError`` for settings that would leave the service open to anybody.
    """
    keys = Keys(chosen.keys.get_secret_value(), chosen.keys_file)
    check_exposure(chosen, keys)
    app.state.keys = keys
    app.add_exception_handler(BodyRefusedError, refused)
    app.add_middleware(Gate, keys=keys, chosen=chosen)
    if chosen.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(chosen.cors_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-API-Key"],
            expose_headers=["ETag", "Retry-After", "X-Request-Id"],
        )
    app.add_middleware(Origins, chosen=chosen, keyed=bool(keys))
    app.add_middleware(Bodies, chosen=chosen, room=Room(chosen.max_bodies_bytes))
    app.add_middleware(SecurityHeaders)
