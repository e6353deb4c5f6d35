"""Whether it is safe to start at the address asked for."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from searchengine.errors import SettingsError

if TYPE_CHECKING:
    from searchengine.service.guard.keys import Keys
    from searchengine.settings import ServiceSettings


def is_loopback(host: str) -> bool:
    """Whether an address to listen at can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name: who knows where it leads
        return False


def check_exposure(chosen: ServiceSettings, keys: Keys) -> None:
    """Raise ``SettingsError`` where the network could reach a service that asks for no key."""
    if not is_loopback(chosen.host) and not keys and not chosen.without_keys:
        raise SettingsError(
            f"listening at {chosen.host} would let anybody who can reach it search, add and delete",
            hint="make a key (searchengine key NAME --file FILE) and name the file in "
            "--set service.keys_file=FILE, or allow it with --set service.without_keys=true",
        )
