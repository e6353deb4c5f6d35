"""Which network addresses are anybody's, and which are this machine's or its network's."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING

from searchengine.errors import ReadError

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(text: str) -> bool:
    """Whether an IP address is one of the public internet.

    Addresses that carry another one (IPv4-mapped, 6to4, Teredo, NAT64) are as
    public as that one is.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    return all(part.is_global and not part.is_multicast for part in (address, *_carried(address)))


def _carried(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return []
    carried = [address.ipv4_mapped, address.sixtofour]
    if address.teredo is not None:
        carried.append(address.teredo[1])
    if address in _NAT64:
        carried.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in carried if one is not None]


def check_host(host: str, *, allow_private: bool) -> None:
    """Raise ``ReadError`` for a host that is written as a private address.

    Names are judged once they are resolved.
    """
    try:
        public = is_public(host.strip("[]"))
    except ValueError:
        try:
            public = is_public(socket.inet_ntoa(socket.inet_aton(host)))  # 127.1, 2130706433
        except (OSError, UnicodeError):  # a name
            return
    if not public and not allow_private:
        raise refusal(host)


def refusal(host: str) -> ReadError:
    """Return the error for a host that is not on the public internet."""
    return ReadError(
        f"not fetched: {host} is an address of this machine or of a private network "
        "(the setting net.allow_private allows that)",
        hint="--set net.allow_private=true, if you trust who wrote the address",
    )
