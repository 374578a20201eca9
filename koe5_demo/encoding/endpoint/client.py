"""How a server is asked: the official client, made so that it keeps to itself, and bounds of what it reads.

The `openai` package is imported only when a server is named.
"""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from koe5_demo.encoding.endpoint.address import Address
from koe5_demo.encoding.endpoint.answer import broken_answer
from koe5_demo.errors import EndpointError, MissingExtraError

if TYPE_CHECKING:
    from openai import OpenAI  # type: ignore[import-not-found]

REQUIREMENTS: Final = "requirements-endpoint.txt"
MOST_BYTES_PER_TEXT: Final = 1_000_000
"""Of an answer: 4,096 dimensions as numbers are some 90,000. What is larger is read no further."""


@dataclass(frozen=True)
class Options:
    """How a server is asked. The defaults suit the limits that text-embeddings-inference starts with.

    Attributes:
        tokens_per_request: Bound of the tokens, counted or bounded from above, that are sent at once.
        texts_per_request: Bound of the texts that are sent at once.
        concurrency: Requests under way at a time, over all callers.
        timeout_s: Seconds without a byte from the server before a try counts as failed.
        retries: Tries after the first one.
        patience_s: Seconds after which no new try of a request is begun.
    """

    tokens_per_request: int = 16_384
    texts_per_request: int = 32
    concurrency: int = 4
    timeout_s: float = 60.0
    retries: int = 4
    patience_s: float = 120.0


def open_client(address: Address, options: Options, key: str) -> tuple[OpenAI, dict[str, Any]]:
    """Return the client without retries of its own, and headers that overrule what it finds in the environment.

    Raises:
        MissingExtraError: If the `openai` package is not installed.
    """
    try:
        from openai import DefaultHttpxClient, Omit, OpenAI
    except ImportError as error:
        raise MissingExtraError("missing_extra", package="openai", requirements=REQUIREMENTS) from error
    noisy = logging.getLogger("openai")
    if noisy.level == logging.NOTSET:
        noisy.setLevel(logging.INFO)  # at DEBUG it logs every text that is sent
    authorization: object = Omit()
    if key:
        authorization = f"Bearer {key}"
    elif address.userinfo:
        authorization = "Basic " + base64.b64encode(address.userinfo.encode()).decode("ascii")
    headers = {"Authorization": authorization, "OpenAI-Organization": Omit(), "OpenAI-Project": Omit()}
    # Compressed, a few bytes could become any number of them: see `_bounded`.
    headers["Accept-Encoding"] = "identity"
    # A redirect would take the texts, and may take the key, to a server that nobody named.
    http = DefaultHttpxClient(follow_redirects=False, event_hooks={"response": [_bounded(address.url, options)]})
    # The argument is for the client's own check: without it OPENAI_API_KEY would go to whatever server this is.
    client = OpenAI(api_key="unused", base_url=address.url, timeout=options.timeout_s, max_retries=0, http_client=http)
    return client, headers


def _bounded(url: str, options: Options) -> Callable[[Any], None]:
    """Return a hook of the HTTP client that bounds how much of an answer is read, and for how long."""
    import openai

    # httpx, or httpx2 from openai 3 on: where the client's own types come from.
    library = import_module(openai.DefaultHttpxClient.__base__.__module__.partition(".")[0])
    most = MOST_BYTES_PER_TEXT * max(1, options.texts_per_request)

    class Bounded(library.SyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        def __iter__(self) -> Iterator[bytes]:
            n_bytes, end = 0, time.monotonic() + options.patience_s
            for chunk in self._stream:
                n_bytes += len(chunk)
                if n_bytes > most:
                    raise broken_answer(url, f"it is larger than {most / 1e6:g} MB")
                if time.monotonic() > end:
                    raise EndpointError("endpoint_timeout", url=url, seconds=options.patience_s, tries=1)
                yield chunk

        def close(self) -> None:
            self._stream.close()

    def bound(response: Any) -> None:
        coding = response.headers.get("content-encoding", "identity")
        if coding != "identity":
            raise broken_answer(url, f"it is compressed ({coding[:20]}) although that was refused")
        response.stream = Bounded(response.stream)

    return bound


def client_errors() -> tuple[type[Exception], ...]:
    """Return the errors of the client that tell of the server or of the way to it."""
    import openai

    return (openai.APIConnectionError, openai.APIStatusError)
