"""Fetching by HTTP: many at a time, within limits, and not from where nobody should."""

from __future__ import annotations

from typing import TYPE_CHECKING

from searchengine.fetching.fetcher import Fetcher, Limits

if TYPE_CHECKING:
    from searchengine.settings import NetSettings

__all__ = ["Fetcher", "Limits", "limits_of"]


def limits_of(net: NetSettings) -> Limits:
    """Return the limits that the settings ask for."""
    return Limits(
        max_bytes=net.max_bytes,
        connections=net.connections,
        per_host=net.per_host,
        timeout_s=net.timeout_s,
        retries=net.retries,
        allow_private=net.allow_private,
    )
