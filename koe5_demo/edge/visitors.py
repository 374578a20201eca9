"""Who asks, as far as a request tells: an address to count by, and a language to answer in."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Final

from koe5_demo.words import Language

LANGUAGE_COOKIE: Final = "koe5-language"
UNKNOWN: Final = "unknown"
FORWARDED_FOR: Final = b"x-forwarded-for"
WITH_PORT: Final = re.compile(r"\[(?P<v6>[^\]]*)\](?::\d+)?|(?P<v4>[^:]*):\d+")
"""`[2001:db8::1]:4711`, `[2001:db8::1]` and `203.0.113.5:4711`, as some proxies write an address."""
Address = IPv4Address | IPv6Address
Scope = Any


def header(scope: Scope, name: bytes) -> str:
    """Return a request header, empty where there is none; a header that is sent twice is joined by commas."""
    values: list[bytes] = [value for key, value in scope["headers"] if key == name]
    return b",".join(values).decode("latin-1")


def visitor_key(scope: Scope, *, behind_proxy: int) -> str:
    """Return what a visitor is counted by: an IPv4 address, or the /64 network of an IPv6 one.

    Args:
        scope: The request, as ASGI tells it.
        behind_proxy: How many proxies of the operator a request passes. Each adds the address it saw to the end of
            `X-Forwarded-For`, so with one proxy the last entry counts, private or not, with two the one before it.
            Everything further left comes from the visitor and may be invented. An entry that cannot be read, or is
            not there, is nobody's word: then the peer counts.
    """
    address = (_forwarded(scope, behind_proxy) if behind_proxy else None) or _peer(scope)
    if address is None:
        return UNKNOWN
    return str(IPv6Network((int(address), 64), strict=False)) if isinstance(address, IPv6Address) else str(address)


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


def _peer(scope: Scope) -> Address | None:
    client = scope.get("client")
    return _address(client[0]) if client else None


def _forwarded(scope: Scope, n_proxies: int) -> Address | None:
    entries = header(scope, FORWARDED_FOR).split(",")
    return _address(entries[-n_proxies].strip()) if len(entries) >= n_proxies else None


def _address(text: str) -> Address | None:
    found = WITH_PORT.fullmatch(text)
    try:
        address = ip_address(text if found is None else found["v6"] or found["v4"] or "")
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
