"""Milvus, and the only place that talks to it: schema, index profiles, filters, capabilities."""

from __future__ import annotations

from searchengine.store.open import open_store

__all__ = ["open_store"]
