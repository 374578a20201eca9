"""Who asks, as far as a request tells: an address to count by, and a language to answer in."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Final

from koe5_demo.words import Language

LANGUAGE_COOKIE: Final = "koe5-language"
UNKNOWN: Final = "unknown"
FORWARDED_FOR: Final = b"x-forwarded-for"
Scope = Any


def header(scope: Scope, name: bytes) -> str:
    """Return a request header, empty where there is none; a header that is sent twice is joined by commas."""
    values: list[bytes] = [value for key, value in scope["headers"] if key == name]
    return b",".join(values).decode("latin-1")


def visitor_key(scope: Scope, *, behind_proxy: bool) -> str:
    """Return what a visitor is counted by: an IPv4 address, or the /64 network of an IPv6 one.

    Args:
        scope: The request, as ASGI tells it.
        behind_proxy: Whether `X-Forwarded-For` is written by a proxy of the operator. Its last public address counts,
            or the last one where none is public: everything before that comes from the visitor and may be invented.
    """
    found = _forwarded(scope) if behind_proxy else None
    address = found or _peer(scope)
    if address is None:
        return UNKNOWN
    return str(IPv6Network((address, 64), strict=False)) if isinstance(address, IPv6Address) else str(address)


def is_this_machine(scope: Scope) -> bool:
    """Return whether a request comes from the machine itself and was not passed on by a proxy."""
    peer = _peer(scope)
    return peer is not None and peer.is_loopback and not header(scope, FORWARDED_FOR)


def is_private_peer(scope: Scope) -> bool:
    """Return whether a request comes straight from the machine itself or its private network."""
    peer = _peer(scope)
    return peer is not None and peer.is_private and not header(scope, FORWARDED_FOR)


def language_of(scope: Scope, default: Language) -> Language:
    """Return the language that the page was last seen in, else what the browser prefers, else the default."""
    for part in header(scope, b"cookie").split(";"):
        name, _, value = part.strip().partition("=")
        if name == LANGUAGE_COOKIE and value in {language.value for language in Language}:
            return Language(value)
    for part in header(scope, b"accept-language").lower().split(","):
        for language in Language:
            if part.strip().startswith(language.value):
                return language
    return default


def _peer(scope: Scope) -> IPv4Address | IPv6Address | None:
    client = scope.get("client")
    return _address(client[0]) if client else None


def _forwarded(scope: Scope) -> IPv4Address | IPv6Address | None:
    found = [_address(part.strip()) for part in header(scope, FORWARDED_FOR).split(",")]
    addresses = [address for address in reversed(found) if address is not None]
    # Where all are private, the visitors are: the last one is who the operator's proxy saw.
    return next((address for address in addresses if address.is_global), addresses[0] if addresses else None)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
