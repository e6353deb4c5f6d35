"""The HTTP API and the web page.

::

    app.py        puts the parts together: what is made once, which route is where
    corpora.py    the database and the models, opened once and shared by all requests
    call.py       one request under way: its id, its deadline, whether anybody still waits
    threads.py    work that blocks, done off the event loop, bounded
    batching.py   what waits for a model at the same time is done together
    requests.py   what surrounds every request: its call, its times, its line in the log
    meters.py     what is counted and timed
    warmth.py     whether the service can do what it is for
    problems.py   what an error looks like over HTTP (RFC 9457)
    routes/       one file a group of addresses; thin: HTTP in, the engine's words out
    serve.py      the process: sockets, signals

A request runs on the event loop only to be parsed and answered. Decoding, encoding, the database
and everything else that blocks happen in ``threads``, which carry the request's ``Call`` along.
"""

from __future__ import annotations
