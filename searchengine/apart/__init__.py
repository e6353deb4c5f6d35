"""Work on bytes that nobody vouches for, in processes that may be killed.

A decoder written in C may hang, crash or eat all memory over a file made to that end. Here it does
so in a process of its own, which has no say over ours: ``workers`` keeps a few of them warm,
``decoders`` is what is done in them.
"""

from __future__ import annotations

from searchengine.apart.bounds import Bounds
from searchengine.apart.decoders import Decoders, Seen

__all__ = ["Bounds", "Decoders", "Seen"]
