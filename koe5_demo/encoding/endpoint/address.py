"""Where a server is and which of its models is meant: the name `endpoint:URL[#name]`, read and shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from koe5_demo.errors import EndpointError

SCHEME: Final = "endpoint:"


@dataclass(frozen=True)
class Address:
    """Where a server is and which of its models is meant.

    Attributes:
        url: Base of the API, without user name, password and trailing slash: http://host:port/v1.
        name: The model's name on the server; empty when none was given.
        userinfo: `user:password` of the address for servers behind HTTP basic authentication; never shown.
    """

    url: str
    name: str
    userinfo: str = field(default="", repr=False)


def is_endpoint(name: str) -> bool:
    """Return whether a model's name means a server."""
    return name.startswith(SCHEME)


def shown_name(name: str) -> str:
    """Return a model's name as it may be shown and logged: user name and password of an address are taken out.

    >>> shown_name("endpoint:http://me:secret@host:8080#koe5")
    'endpoint:http://host:8080#koe5'
    >>> shown_name("koe5")
    'koe5'
    """
    if not is_endpoint(name):
        return name
    # Up to the last @, not only inside the host: a password with a slash makes a broken address, and that is shown too.
    address, mark, model = name.partition("#")
    before, _, after = address.rpartition("@")
    start = "//".join([before.partition("//")[0], ""]) if "//" in before else SCHEME if before else ""
    return start + after + mark + model


def parse_address(name: str) -> Address:
    """Read `endpoint:URL[#name]`. A URL without a path means the usual one, /v1.

    >>> parse_address("endpoint:http://host:8080#koe5")
    Address(url='http://host:8080/v1', name='koe5')

    Raises:
        EndpointError: If it is no http or https URL, or holds what such an address cannot have.
    """
    raw, _, model = name.removeprefix(SCHEME).partition("#")
    try:
        parts = urlsplit(raw)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _bad_address(name, "port or host") from error
    if parts.scheme not in ("http", "https") or not host:
        raise _bad_address(name, "no http:// or https:// address")
    if parts.query or any(char.isspace() or not char.isprintable() for char in raw):
        raise _bad_address(name, "blank or ?query")
    where = f"[{host}]" if ":" in host else host
    clean = SplitResult(parts.scheme, where if port is None else f"{where}:{port}", _base_path(parts.path), "", "")
    userinfo = unquote(parts.netloc.rpartition("@")[0])
    return Address(urlunsplit(clean), model.strip(), userinfo)


def _base_path(path: str) -> str:
    stripped = path.rstrip("/")
    if not stripped:
        return "/v1"
    return stripped.removesuffix("/embeddings")


def _bad_address(name: str, reason: str) -> EndpointError:
    return EndpointError("endpoint_bad_address", value=shown_name(name), reason=reason)
