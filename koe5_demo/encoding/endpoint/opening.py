"""Open an address: connect, learn which model answers, check it, and say what it is."""

from __future__ import annotations

import os
from typing import Final

from koe5_demo.catalog import CATALOG, ModelSpec
from koe5_demo.encoding.endpoint.address import SCHEME, parse_address
from koe5_demo.encoding.endpoint.client import Options
from koe5_demo.encoding.endpoint.encoder import EndpointEncoder
from koe5_demo.encoding.endpoint.probing import probe_hash, probe_server
from koe5_demo.encoding.endpoint.server import ANY_LENGTH, ANY_NAME, Server
from koe5_demo.encoding.endpoint.tokens import best_counter
from koe5_demo.encoding.fingerprint import with_fingerprint
from koe5_demo.errors import EndpointError
from koe5_demo.records import ModelInfo, Prompts
from koe5_demo.words import Language, message

KEY_VARIABLE: Final = "KOE5_ENDPOINT_KEY"
ENGINE_NAME: Final = "endpoint"


def open_endpoint(
    name: str, *, prompts: Prompts | None = None, options: Options | None = None, key: str | None = None
) -> EndpointEncoder:
    """Connect to an embedding server and check it with the built-in probe texts.

    Args:
        name: `endpoint:URL[#name]`. The name is the model's on the server; where it is a catalog id or a hub id of the
            catalog, prompts, width and limit are the catalog's.
        prompts: Prompts that overrule those of the catalog; for an unknown model None means none.
        options: Batches, time-outs and retries.
        key: What the server is opened with; None reads the environment variable KOE5_ENDPOINT_KEY.

    Returns:
        The encoder. Its fingerprint comes from address, name, prompts and probe vectors.

    Raises:
        MissingExtraError: If the `openai` package is not installed.
        EndpointError: If the address cannot be used, or the server cannot be reached, refuses, or answers wrongly.
    """
    address = parse_address(name)
    opened_with = (os.environ.get(KEY_VARIABLE, "") if key is None else key).strip()
    if not (opened_with.isascii() and opened_with.isprintable()):
        raise EndpointError("endpoint_bad_key")  # the client's own complaint would show it
    server = Server(address, options or Options(), opened_with)
    limit = server.find_model()
    server.choose_format()
    spec = known_model(server.name)
    used = prompts if prompts is not None else spec.prompts if spec else Prompts()
    answer = probe_server(server, used)
    if spec is not None and answer.vectors.shape[1] != spec.dimensions:
        found = answer.vectors.shape[1]
        raise EndpointError("endpoint_wrong_dimensions", url=server.url, expected=spec.dimensions, found=found)
    counter = best_counter(server.name, spec, used, answer)
    unknown = message("endpoint_note_prompts", Language.EN, name=server.name) if prompts is None and not spec else ""
    content = probe_hash(answer.vectors)
    info = ModelInfo(
        id=SCHEME + (server.name or ANY_NAME),
        hub_id=None,
        revision=f"probe-{content[:12]}",
        engine=ENGINE_NAME,
        dtype="unknown",
        device=server.url,
        dimensions=answer.vectors.shape[1],
        max_tokens=min(limit, spec.max_tokens if spec else ANY_LENGTH),
        prompts=used,
        fingerprint="",
        note="; ".join(part for part in (unknown, counter.note) if part),
    )
    return EndpointEncoder(server, with_fingerprint(info, f"{server.url}#{server.name}@{content}"), counter)


def known_model(name: str) -> ModelSpec | None:
    """Return the catalog's record for a catalog id or hub id, or None."""
    if name in CATALOG:
        return CATALOG[name]
    return next((spec for spec in CATALOG.values() if spec.hub_id and spec.hub_id.lower() == name.lower()), None)
