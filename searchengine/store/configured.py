"""The store that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from searchengine.store.open import open_store

if TYPE_CHECKING:
    from searchengine.settings import Settings
    from searchengine.store.contract import Store


def open_configured_store(
    settings: Settings, *, patient_reads: bool = False, to_ask: bool = False
) -> Store:
    """Open the database as the settings say; see ``open_store``, which also raises.

    ``to_ask`` is for those who will ask and not write: a Lite folder is read where it lies.
    """
    chosen = settings.store
    return open_store(
        settings.store_uri,
        user=chosen.user,
        password=chosen.password.get_secret_value(),
        token=chosen.token.get_secret_value(),
        database=chosen.database,
        tls_ca=chosen.tls_ca,
        timeout_s=chosen.timeout_s,
        patient_reads=patient_reads,
        shards=chosen.shards,
        mirror_mb=chosen.mirror_mb,
        at_rest=to_ask,
    )
