"""Open an address: connect, learn which model answers, check it, and say what it is."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Final

from koe5_demo.catalog import ModelSpec
from koe5_demo.encoding import hub
from koe5_demo.encoding.endpoint.client import Options
from koe5_demo.encoding.endpoint.encoder import SPECIAL_TOKENS, EndpointEncoder, Probing, TokenCounter, probe_server
from koe5_demo.encoding.endpoint.protocol import SCHEME, parse_address
from koe5_demo.encoding.endpoint.server import ANY_NAME, Server, known_model, same_model
from koe5_demo.encoding.text_tokens import TextTokenizer
from koe5_demo.errors import EndpointError
from koe5_demo.prompts import GivenPrompts, resolve_prompts
from koe5_demo.records import ENDPOINT_ENGINE, UNKNOWN_LIMIT, IntArray, ModelInfo, Prompts
from koe5_demo.settings import endpoint_options
from koe5_demo.words import Language, message

KEY_VARIABLE: Final = "KOE5_ENDPOINT_KEY"


def open_endpoint(
    name: str,
    *,
    prompts: Prompts | GivenPrompts | None = None,
    options: Options | None = None,
    key: str | None = None,
) -> EndpointEncoder:
    """Connect to an embedding server and check it with the built-in probe texts.

    Args:
        name: `endpoint:URL[#model]`, see `parse_address`. The model's name is the one on the server; where it is a
            catalog id or a hub id of the catalog, prompts, width and limit are the catalog's. Where the server is told
            which texts are queries, it adds the prefixes, and none are added here.
        prompts: Prompts in place of those; for an unknown model None means none.
        options: Batches, time-outs and retries; None takes the defaults and KOE5_ENDPOINT_*.
        key: What the server is opened with; None reads the environment variable KOE5_ENDPOINT_KEY.

    Returns:
        The encoder. Its fingerprint comes from address, name, prompts and probe vectors.

    Raises:
        MissingExtraError: If the `openai` package is not installed.
        SettingError: If one of KOE5_ENDPOINT_* cannot be used.
        EndpointError: If the address cannot be used, or the server cannot be reached, refuses, or answers wrongly.
    """
    address = parse_address(name)
    opened_with = (os.environ.get(KEY_VARIABLE, "") if key is None else key).strip()
    if not (opened_with.isascii() and opened_with.isprintable()):
        raise EndpointError("endpoint_bad_key")  # the client's own complaint would show it
    server = Server(address, Options(**endpoint_options()) if options is None else options, opened_with)
    limit = server.find_model()
    server.choose_format()
    spec = server.spec
    notes = _notes_on_the_name(server)
    own, prompts_note = _own_prompts(server, spec)
    used = resolve_prompts(own, prompts, in_catalog=spec is not None and not server.address.tells_roles)
    probing = probe_server(server, used)
    width = probing.vectors.shape[1]
    if spec is not None and width != spec.dimensions:
        raise EndpointError("endpoint_wrong_dimensions", url=server.url, expected=spec.dimensions, found=width)
    counter = best_counter(server.address.name, spec, probing)
    if used == own and prompts in (None, GivenPrompts()):
        notes.append(prompts_note)
    info = ModelInfo(
        id=SCHEME + (server.address.model or ANY_NAME),
        hub_id=None,
        revision=f"probe-{probing.content[:12]}",
        engine=ENDPOINT_ENGINE,
        dtype="unknown",
        device=server.url,
        dimensions=width,
        max_tokens=min(limit, spec.max_tokens if spec else UNKNOWN_LIMIT),
        prompts=used,
        fingerprint="",
        note="; ".join(part for part in (*notes, counter.note) if part),
    )
    info = info.with_fingerprint(f"{server.url}#{server.address.model}@{probing.content}")
    return EndpointEncoder(server, info, counter, probing)


def _notes_on_the_name(server: Server) -> list[str]:
    """Return what to tell where the server's answers name another model than the one that was asked for.

    Raises:
        EndpointError: If both are known, and known to be two.
    """
    told = server.answers_as
    if not server.address.name or not told or same_model(server.address.name, told):
        return []
    if server.spec is not None and known_model(told) is not None:
        raise EndpointError("endpoint_not_listed", url=server.url, name=server.address.name, valid=told)
    return [message("endpoint_note_called", Language.EN, name=told)]


def _own_prompts(server: Server, spec: ModelSpec | None) -> tuple[Prompts, str]:
    """Return the prompts of a server's model where none are given, and a note on them."""
    if server.address.tells_roles:
        return Prompts(), message("endpoint_note_roles", Language.EN, model=server.address.model)
    if spec is None:
        return Prompts(), message("endpoint_note_prompts", Language.EN, name=server.address.name)
    return spec.prompts, ""


def best_counter(name: str, spec: ModelSpec | None, probing: Probing) -> TokenCounter:
    """Return the most exact counter there is: the tokenizer, else the server's count of the probes, else a bound."""
    exact = _local_tokenizer(name, spec)
    if exact is not None:
        note = message("endpoint_note_tokens_exact", Language.EN, name=name)
        return TokenCounter(note, exact=exact)
    chars = sum(map(len, probing.sent))
    rate = (probing.n_tokens - SPECIAL_TOKENS * len(probing.sent)) / chars
    # Infinity calls characters tokens: that tells nothing.
    if 0 < rate <= 1 and probing.n_tokens != chars:
        return TokenCounter(message("endpoint_note_tokens_measured", Language.EN, rate=rate), rate)
    return TokenCounter(message("endpoint_note_tokens_bound", Language.EN))


def _local_tokenizer(name: str, spec: ModelSpec | None) -> Callable[[Sequence[str]], IntArray] | None:
    """Return the count of the model's tokenizer if its files are on this machine. Makes no request."""
    hub_id = spec.hub_id if spec else name
    if not hub_id or hub_id.count("/") != 1:
        return None
    folder = hub.cached_folder(hub_id, spec.revision if spec else None)
    if folder is None:
        return None
    from transformers import AutoTokenizer  # seconds to import, and of no use where the files are not here

    try:
        return TextTokenizer(AutoTokenizer.from_pretrained(str(folder), local_files_only=True), UNKNOWN_LIMIT).count
    except (OSError, ValueError, AttributeError):
        return None
