"""The visitor's address: what a proxy of ours says of him, and nothing he says himself."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(peer: str, headers: Mapping[str, str], trusted: Sequence[Network]) -> str:
    """The address of the visitor, "" when there is none.

    `peer` is the other end of the connection. Only when it is one of `trusted` (PORTAL_TRUSTED_PROXIES) its headers
    count: X-Real-IP, else the last address of X-Forwarded-For that is not itself a trusted proxy.
    """
    return _client_address(peer, headers.get("x-real-ip", ""), headers.get("x-forwarded-for", ""), tuple(trusted))


@lru_cache(4096)
def _client_address(peer: str, real: str, forwarded: str, trusted: tuple[Network, ...]) -> str:
    known = _address(peer)
    if known is None or not _is_trusted(known, trusted):
        return str(known or "")
    if said := _address(real):
        return str(said)
    for text in reversed(forwarded.split(",")):
        said = _address(text)
        if said is None:
            break  # what stands before garbage was not written by a proxy of ours
        if not _is_trusted(said, trusted):
            return str(said)
    return str(known)


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def _is_trusted(address: Address, trusted: tuple[Network, ...]) -> bool:
    return any(address in network for network in trusted)
