"""The official client of OpenAI's protocol, kept careful: what it may try again and how much of an answer it reads.

The `openai` package is imported only when a server is named. Its client tries again by itself, with its own pauses,
what `careful_client` lets it.
"""

from __future__ import annotations

import base64
import logging
import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from importlib import import_module
from threading import Event
from typing import TYPE_CHECKING, Any, Final

from koe5_demo.encoding.endpoint.protocol import Address, broken_answer
from koe5_demo.errors import EndpointError, MissingExtraError

if TYPE_CHECKING:
    from openai import OpenAI  # type: ignore[import-not-found]

MOST_BYTES_PER_TEXT: Final = 1_000_000
"""Of an answer: 4,096 dimensions as numbers are some 90,000. What is larger is read no further."""
LONGEST_BACK_OFF_S: Final = 8.0
TOO_SOON: Final = (408, 425, 429)
SERVER_FAULT: Final = 500


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
        check_every_s: Seconds after which a use of the server first asks whether its model is still the same.
        query_body, passage_body: Additions to the bodies of requests, beside those of the address.
    """

    tokens_per_request: int = 16_384
    texts_per_request: int = 32
    concurrency: int = 4
    timeout_s: float = 60.0
    retries: int = 4
    patience_s: float = 120.0
    check_every_s: float = 10.0
    query_body: Mapping[str, object] = field(default_factory=dict)
    passage_body: Mapping[str, object] = field(default_factory=dict)


@dataclass
class Call:
    """One request with its tries, and what became of it beside the client's own error.

    Attributes:
        stop: Whether anyone still waits for it.
        deadline: When no new try is begun.
        n_tries: How often it was sent.
        timed_out: Whether the last try gave no byte in time.
        asked_wait_s: How long the server wants to be left alone, where that is longer than anyone waits.
        problem: What ended it for good.
    """

    stop: Event = field(default_factory=Event)
    deadline: float = math.inf
    n_tries: int = 0
    timed_out: bool = False
    asked_wait_s: float | None = None
    problem: EndpointError | None = None


class Calls(threading.local):
    """The call that each thread is in: the client hands nothing of ours through to where it sends."""

    def __init__(self) -> None:
        self.current = Call()


def careful_client(address: Address, options: Options, key: str, calls: Calls) -> tuple[OpenAI, dict[str, Any]]:
    """Return the official client, and headers that overrule what it finds in the environment.

    The client tries again what its sending part allows, with its own pauses. That part, below, reads an answer within
    bounds, follows no redirect and no wish to wait that is longer than a visitor's patience, and hands a time-out back
    at once: the same request again would only pile up on a slow server.

    Raises:
        MissingExtraError: If the `openai` package is not installed.
    """
    try:
        import openai
    except ImportError as error:
        raise MissingExtraError("missing_extra", package="openai", extra="endpoint") from error
    noisy = logging.getLogger("openai")
    if noisy.level == logging.NOTSET:
        noisy.setLevel(logging.INFO)  # at DEBUG it logs every text that is sent
    base: Any = openai.DefaultHttpxClient
    # httpx, or httpx2 from openai 3 on: where the client's own types come from.
    library = import_module(base.__base__.__module__.partition(".")[0])

    class Careful(base):  # type: ignore[misc]
        def send(self, request: Any, **kwargs: Any) -> Any:
            call = calls.current
            if call.stop.is_set():
                return ended(request, 499)
            call.n_tries += 1
            try:
                response = super().send(request, **{**kwargs, "stream": True})
                try:
                    content = _read_bounded(response, address.url, options)
                finally:
                    response.close()
            except library.TimeoutException:
                call.timed_out = True
                return ended(request, 408)
            except EndpointError as error:
                call.problem = error
                return ended(request, 400)
            headers = {**response.headers, "x-should-retry": str(_may_retry(response, call)).lower()}
            return library.Response(response.status_code, headers=headers, content=content, request=request)

    def ended(request: Any, status: int) -> Any:
        """Return an answer of our own that the client does not try again."""
        return library.Response(status, headers={"x-should-retry": "false"}, request=request)

    authorization: object = openai.Omit()
    if key:
        authorization = f"Bearer {key}"
    elif address.userinfo:
        authorization = "Basic " + base64.b64encode(address.userinfo.encode()).decode("ascii")
    headers = {"Authorization": authorization, "OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}
    # Compressed, a few bytes could become any number of them: see `_read_bounded`.
    headers["Accept-Encoding"] = "identity"
    client = openai.OpenAI(
        api_key="unused",  # for the client's own check: without it OPENAI_API_KEY would go to whatever server this is
        base_url=address.url,
        timeout=options.timeout_s,
        max_retries=options.retries,
        # A redirect would take the texts, and may take the key, to a server that nobody named.
        http_client=Careful(follow_redirects=False),
    )
    return client, headers


def _read_bounded(response: Any, url: str, options: Options) -> bytes:
    """Return the body of an answer.

    Raises:
        EndpointError: If it is compressed, too large, or does not end within `patience_s`.
    """
    coding = response.headers.get("content-encoding", "identity")
    if coding != "identity":
        raise broken_answer(url, f"it is compressed ({coding[:20]}) although that was refused")
    most, end = MOST_BYTES_PER_TEXT * max(1, options.texts_per_request), time.monotonic() + options.patience_s
    content = bytearray()
    for chunk in response.iter_raw():
        content += chunk
        if len(content) > most:
            raise broken_answer(url, f"it is larger than {most / 1e6:g} MB")
        if time.monotonic() > end:
            raise EndpointError("endpoint_timeout", url=url, seconds=options.patience_s, tries=1)
    return bytes(content)


def _may_retry(response: Any, call: Call) -> bool:
    """Return whether the client may send a request again after this answer, and note why not."""
    if response.status_code not in TOO_SOON and response.status_code < SERVER_FAULT:
        return False
    left = call.deadline - time.monotonic()
    pause = retry_after(response.headers) or 0.0
    if pause > max(left, LONGEST_BACK_OFF_S):
        call.asked_wait_s = pause
    return pause <= left and left > 0


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a Retry-After header asks for, as a number or a date; None without a readable one."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(timezone.utc)).total_seconds()
        except (ValueError, TypeError):
            return None
    return seconds if math.isfinite(seconds) else None


def client_errors() -> tuple[type[Exception], ...]:
    """Return the errors of the client that tell of the server or of the way to it."""
    import openai

    return (openai.APIConnectionError, openai.APIStatusError)
