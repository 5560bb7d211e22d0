"""Which machines a foreign address may lead to: public ones.

Above: :mod:`.network`. Whoever may name an address must not reach what stands beside us: services on this machine, the
local network, the cloud's own metadata. Source: OWASP, "Server Side Request Forgery Prevention".
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket

__all__ = ["is_public", "public_address"]

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


async def public_address(host: str, port: int) -> str:
    """Return an address of a host, all of whose addresses are public: connect to it, not to the name again.

    Raises OSError for a host that has none or another one as well.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(map(is_public, addresses)):
        raise PermissionError(f"{host} is not on the public internet")
    return addresses[0]


def is_public(address: str) -> bool:
    """Tell whether an IP address, also one inside another one, is on the public internet."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.sixtofour or found.teredo:
            return False
        found = found.ipv4_mapped or (ipaddress.IPv4Address(found.packed[-4:]) if found in _NAT64 else found)
    return found.is_global and not found.is_multicast
