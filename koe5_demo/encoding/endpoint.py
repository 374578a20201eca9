"""A remote embedding server as an `Encoder`: any server that speaks OpenAI's `/v1/embeddings`.

The server sees texts with their prompts and gives vectors; everything else is done and checked here: prompts exactly
once, batches, order, counts, widths, lengths. The protocol tells neither the weights' revision nor how many tokens a
single text has, so the revision is a hash of probe vectors, and token counts are estimates unless the tokenizer of the
named model is on this machine; `info.note` says which.

The key is read from KOE5_ENDPOINT_KEY and goes into the Authorization header only: no record, message, log line or
fingerprint of this module holds it.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import math
import operator
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from hashlib import blake2b
from importlib import import_module
from itertools import islice
from random import SystemRandom
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import numpy as np

from koe5_demo.catalog import CATALOG, ModelSpec
from koe5_demo.encoding import hub
from koe5_demo.encoding.fingerprint import with_fingerprint
from koe5_demo.encoding.probes import probes
from koe5_demo.encoding.text_tokens import TextTokenizer
from koe5_demo.encoding.token_batches import cut_batches
from koe5_demo.errors import EndpointError, MissingExtraError
from koe5_demo.messages import Language, message
from koe5_demo.prompts import with_prompt, with_prompts
from koe5_demo.records import Encoded, FloatArray, IntArray, ModelInfo, OnProgress, Prompts, Role

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI  # type: ignore[import-not-found]

SCHEME: Final = "endpoint:"
KEY_VARIABLE: Final = "KOE5_ENDPOINT_KEY"
REQUIREMENTS: Final = "requirements-endpoint.txt"
ENGINE_NAME: Final = "endpoint"
ANY_LENGTH: Final = 1_000_000
ANY_NAME: Final = "default"  # servers of one model ignore the name, but the protocol wants one
SPECIAL_TOKENS: Final = 2
SHOWN_REASON: Final = 200
SHOWN_MODELS: Final = 5
LIST_TIMEOUT_S: Final = 10.0
FIRST_WAIT_S: Final = 0.5
LONGEST_BACK_OFF_S: Final = 8.0
BAD_KEY: Final = (401, 403)
NOT_FOUND: Final = 404
BAD_REQUEST: Final = (400, 415, 422)
TOO_SOON: Final = (408, 425, 429)
SERVER_FAULT: Final = 500
REDIRECTS: Final = range(300, 400)
MOST_BYTES_PER_TEXT: Final = 1_000_000
"""Of an answer: 4,096 dimensions as numbers are some 90,000. What is larger is read no further."""
# base64 is a quarter of the bytes; a server that refuses it is asked for "float".
FORMATS: Final[tuple[Literal["base64", "float"], ...]] = ("base64", "float")


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


@dataclass(frozen=True)
class Answer:
    """What one request gave.

    Attributes:
        vectors: (n, dimensions) float32 in the order of the texts, of the server's length, finite and not zero.
        n_tokens: Tokens of all texts together as the server counts them; 0 if it does not say.
    """

    vectors: FloatArray
    n_tokens: int


@dataclass(frozen=True)
class TokenCounter:
    """Counts tokens of texts that carry their prompts, exactly or as an estimate.

    Attributes:
        note: Which of the two, for people.
        rate: Tokens a character, for the estimate.
        exact: Counts with the model's own tokenizer; None if there is none on this machine.
    """

    note: str
    rate: float = 1.0
    exact: Callable[[Sequence[str]], IntArray] | None = field(default=None, repr=False)

    def count(self, sent: Sequence[str]) -> IntArray:
        """Return (n,) int64, the best guess of each text's tokens, special tokens included."""
        if self.exact is not None:
            return self.exact(sent)
        return np.array([math.ceil(len(text) * self.rate) + SPECIAL_TOKENS for text in sent], dtype=np.int64)

    def bound(self, sent: Sequence[str]) -> IntArray:
        """Return (n,) int64, hardly ever fewer than a text has: what requests are cut by."""
        if self.exact is not None:
            return self.exact(sent)
        return np.array([len(text) + SPECIAL_TOKENS for text in sent], dtype=np.int64)


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


def read_answer(content: bytes, n_texts: int, url: str) -> Answer:
    """Read the body of an answer, numbers or base64, and put its vectors in the order of the texts.

    Raises:
        EndpointError: If it is no such answer, or a vector is missing, of another width, not finite, or zero.
    """
    data, n_tokens = _parsed(content, url)
    if len(data) != n_texts:
        raise EndpointError("endpoint_wrong_count", url=url, expected=n_texts, found=len(data))
    try:
        places = [operator.index(item["index"]) for item in data]
        rows = [_row(item["embedding"]) for item in data]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _broken(url, "an entry has no index or no embedding") from error
    if sorted(places) != list(range(n_texts)):
        raise _broken(url, "indices repeat or are missing")
    widths = {len(row) for row in rows}
    if len(widths) != 1 or 0 in widths:
        shown = ", ".join(map(str, sorted(widths)))
        raise EndpointError("endpoint_wrong_dimensions", url=url, expected=len(rows[0]), found=shown)
    vectors = np.empty((n_texts, widths.pop()), dtype=np.float32)
    vectors[places] = rows
    return Answer(_checked(vectors, url), n_tokens)


def _parsed(content: bytes, url: str) -> tuple[list[Any], int]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _broken(url, "it is no JSON") from error
    if not isinstance(body, dict) or not isinstance(body.get("data"), list):
        raise _broken(url, "it has no list `data`")
    usage = body.get("usage")
    n_tokens = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return body["data"], n_tokens if isinstance(n_tokens, int) and n_tokens > 0 else 0


def _row(embedding: object) -> FloatArray:
    if isinstance(embedding, str):
        try:
            return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4").astype(np.float32)
        except binascii.Error as error:
            raise ValueError("broken base64") from error
    with np.errstate(over="ignore"):  # what does not fit becomes infinity and is refused below
        row = np.asarray(embedding, dtype=np.float32)
    if row.ndim != 1:
        raise ValueError("an embedding is a list of numbers")
    return row


def _checked(vectors: FloatArray, url: str) -> FloatArray:
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    bad = int((~np.isfinite(lengths) | (lengths == 0)).sum())
    if bad:
        raise EndpointError("endpoint_bad_vectors", url=url, n=bad)
    return vectors


def _broken(url: str, reason: str) -> EndpointError:
    return EndpointError("endpoint_broken_answer", url=url, reason=reason)


class Server:
    """One server and one of its models, asked through the official client. Safe with threads.

    Args:
        address: Where it is.
        options: Time-outs and retries.
        key: What it is opened with; empty if it is open.
    """

    def __init__(self, address: Address, options: Options, key: str = "") -> None:
        self.url: Final = address.url
        self.name = address.name
        self.options: Final = options
        self._format = FORMATS[0]
        self._extra_body: dict[str, object] | None = None
        self._client, self._headers = _client(address, options, key)
        self._secrets = [secret for secret in (key, *address.userinfo.split(":", 1)) if secret]

    def __repr__(self) -> str:
        return f"Server({self.url!r}, {self.name!r})"

    def find_model(self) -> int:
        """Learn from the list of models, where the server has one, which model answers; return its limit of tokens.

        Raises:
            EndpointError: If no name was given and there are several models.
        """
        listed = self._listed_models()
        if not self.name and len(listed) > 1:
            raise EndpointError("endpoint_which_model", url=self.url, valid=", ".join(list(listed)[:SHOWN_MODELS]))
        self.name = self.name or next(iter(listed), "")
        model = listed.get(self.name, {})
        if model.get("owned_by") == "vllm":
            # Other servers cut long texts unasked; this one refuses them unless it is told to cut at its limit.
            self._extra_body = {"truncate_prompt_tokens": -1}
        limit = model.get("max_model_len")
        return limit if isinstance(limit, int) and limit > 0 else ANY_LENGTH

    def choose_format(self) -> None:
        """Find out with one short text in which form the server gives vectors.

        Raises:
            EndpointError: If it gives none.
        """
        for name in FORMATS:
            self._format = name
            try:
                self.embed(["1"], Event())
            except EndpointError as error:
                if name == FORMATS[-1] or error.values.get("status") not in BAD_REQUEST:
                    raise
            else:
                return

    def embed(self, sent: Sequence[str], stop: Event) -> Answer:
        """Ask for the vectors of texts as they are given; try again while that may help.

        Args:
            sent: Texts with their prompts, at least one, none empty.
            stop: Ends the waiting between tries.

        Raises:
            EndpointError: If the server cannot be reached, refuses, or answers wrongly.
        """
        started = time.monotonic()
        for n_tries in range(1, self.options.retries + 2):
            try:
                return read_answer(self._post(sent), len(sent), self.url)
            except _client_errors() as error:
                problem, pause = self._explain(error, n_tries)
            left = self.options.patience_s - (time.monotonic() - started)
            if pause is None or n_tries > self.options.retries:
                break
            if pause > left:
                problem = _asked_to_wait(problem, pause)
                break
            if stop.wait(pause):
                break
        # Not chained: the client's own text may repeat the key or a visitor's words.
        raise problem from None

    def _post(self, sent: Sequence[str]) -> bytes:
        answer = self._client.embeddings.with_raw_response.create(
            model=self.name or ANY_NAME,
            input=list(sent),
            encoding_format=self._format,
            extra_headers=self._headers,
            extra_body=self._extra_body,
        )
        return bytes(answer.http_response.content)

    def _listed_models(self) -> dict[str, dict[str, Any]]:
        """Return what the server lists by name; nothing if it has no list, which the protocol does not ask for."""
        seconds = min(self.options.timeout_s, LIST_TIMEOUT_S)
        try:
            answer = self._client.models.with_raw_response.list(extra_headers=self._headers, timeout=seconds)
            data = json.loads(answer.http_response.content)["data"]
            return {str(model["id"]): dict(model) for model in data}
        except _client_errors():
            return {}
        except (ValueError, KeyError, TypeError):
            return {}

    def _explain(self, error: Exception, n_tries: int) -> tuple[EndpointError, float | None]:
        """Return what to tell, and how long to wait before the next try; None if none would help."""
        import openai

        back_off = min(FIRST_WAIT_S * 2 ** (n_tries - 1), LONGEST_BACK_OFF_S) * SystemRandom().uniform(0.75, 1.0)
        if isinstance(error, openai.APITimeoutError):
            seconds = self.options.timeout_s
            return EndpointError("endpoint_timeout", url=self.url, seconds=seconds, tries=n_tries), back_off
        if isinstance(error.__cause__, EndpointError):
            return error.__cause__, None
        if not isinstance(error, openai.APIStatusError):
            reason = self._shown(str(error.__cause__ or error))
            return EndpointError("endpoint_unreachable", url=self.url, reason=reason, tries=n_tries), back_off
        status = error.status_code
        if status in TOO_SOON or status >= SERVER_FAULT:
            values = {"url": self.url, "status": status, "reason": self._reason(error), "tries": n_tries}
            asked = retry_after(error.response.headers)
            return EndpointError("endpoint_busy", **values), max(asked, 0.0) if asked else back_off
        key = {**dict.fromkeys(BAD_KEY, "endpoint_key_refused"), NOT_FOUND: "endpoint_not_found"}
        values = {"url": self.url, "status": status, "reason": self._reason(error), "name": self.name}
        return EndpointError(key.get(status, "endpoint_refused"), **values), None

    def _reason(self, error: APIStatusError) -> str:
        if error.status_code in REDIRECTS:
            return self._shown(f"it points to {error.response.headers.get('location', '?').partition('?')[0]}")
        return self._shown(_server_words(error.body) or error.message)

    def _shown(self, reason: str) -> str:
        """Return the first line of a reason, short and without secrets: some servers repeat the key they refuse."""
        for secret in self._secrets:
            reason = reason.replace(secret, "***")
        return (reason.strip().splitlines() or ["?"])[0][:SHOWN_REASON]


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


def _asked_to_wait(problem: EndpointError, pause: float) -> EndpointError:
    """Return the error of a server that wants to be left alone for longer than a visitor waits."""
    if problem.key != "endpoint_busy" or pause <= LONGEST_BACK_OFF_S:
        return problem
    return EndpointError("endpoint_wait_too_long", **problem.values, seconds=pause)


def _server_words(body: object) -> str:
    """Return the message of an error's body: servers write it as `error.message`, `error`, `message` or `detail`."""
    while isinstance(body, dict):
        body = next((body[key] for key in ("error", "message", "detail") if body.get(key)), "")
    return str(body) if body else ""


def _client(address: Address, options: Options, key: str) -> tuple[OpenAI, dict[str, Any]]:
    """Return the client without retries of its own, and headers that overrule what it finds in the environment."""
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
                    raise _broken(url, f"it is larger than {most / 1e6:g} MB")
                if time.monotonic() > end:
                    raise EndpointError("endpoint_timeout", url=url, seconds=options.patience_s, tries=1)
                yield chunk

        def close(self) -> None:
            self._stream.close()

    def bound(response: Any) -> None:
        coding = response.headers.get("content-encoding", "identity")
        if coding != "identity":
            raise _broken(url, f"it is compressed ({coding[:20]}) although that was refused")
        response.stream = Bounded(response.stream)

    return bound


def _client_errors() -> tuple[type[Exception], ...]:
    import openai

    return (openai.APIConnectionError, openai.APIStatusError)


class EndpointEncoder:
    """An `Encoder` around a server. Safe with threads; requests of all callers share one bound.

    Args:
        server: The server, its model known.
        info: What the model is.
        counter: Counts tokens.
    """

    def __init__(self, server: Server, info: ModelInfo, counter: TokenCounter) -> None:
        self._server = server
        self._info = info
        self._counter = counter
        self._pool = ThreadPoolExecutor(server.options.concurrency, thread_name_prefix="endpoint")
        self._usage_lock = Lock()
        self._tokens_billed = 0

    def __repr__(self) -> str:
        return f"EndpointEncoder({self._info.device!r}, {self._info.id!r})"

    @property
    def info(self) -> ModelInfo:
        """Return what this encoder is."""
        return self._info

    @property
    def tokens_billed(self) -> int:
        """Return the tokens that the server says it has read for this encoder; 0 if it does not say."""
        return self._tokens_billed

    def encode(self, texts: Sequence[str], role: Role, *, on_progress: OnProgress | None = None) -> Encoded:
        """Encode bare texts; see `koe5_demo.records.Encoder`. Progress counts texts.

        Raises:
            EndpointError: If the server cannot be reached, refuses, or answers wrongly.
        """
        sent = self._sent(texts, role)
        vectors = np.zeros((len(sent), self._info.dimensions), dtype=np.float32)
        done = 0
        for places, answer in self._answers(sent):
            vectors[places] = self._unit_rows(answer)
            done += len(places)
            if on_progress is not None:
                on_progress(done, len(sent))
        return Encoded(vectors, self._counter.count(sent), self._info.max_tokens)

    def count_tokens(self, texts: Sequence[str], role: Role) -> IntArray:
        """Return (n,) uncut token counts with prompt and special tokens; estimates where `info.note` says so."""
        return self._counter.count(self._sent(texts, role))

    def _sent(self, texts: Sequence[str], role: Role) -> list[str]:
        # Servers refuse an empty text; a blank has no token of its own.
        return [text or " " for text in with_prompts(texts, role, self._info.prompts)]

    def _answers(self, sent: Sequence[str]) -> Iterator[tuple[IntArray, Answer]]:
        """Ask for all texts, longest first, and yield answers as they arrive.

        No more requests are handed over than run at once: a ranking that comes while a corpus is encoded waits for
        those under way, not for the corpus.
        """
        stop = Event()
        waiting = iter(_requests(self._counter.bound(sent), self._server.options))
        running: dict[Future[Answer], IntArray] = {}

        def submit(n: int) -> None:
            for places in islice(waiting, n):
                batch = [sent[place] for place in places]
                running[self._pool.submit(self._server.embed, batch, stop)] = places

        try:
            submit(self._server.options.concurrency)
            while running:
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    places = running.pop(future)
                    yield places, future.result()
                    submit(1)
        finally:
            stop.set()
            for future in running:
                future.cancel()

    def _unit_rows(self, answer: Answer) -> FloatArray:
        with self._usage_lock:
            self._tokens_billed += answer.n_tokens
        found = answer.vectors.shape[1]
        if found != self._info.dimensions:
            expected = self._info.dimensions
            raise EndpointError("endpoint_wrong_dimensions", url=self._info.device, expected=expected, found=found)
        return unit_rows(answer.vectors)


def unit_rows(vectors: FloatArray) -> FloatArray:
    """Return rows at length 1, (n, d) float32; none may be zero. Rows that have length 1 already hardly move."""
    wide = vectors.astype(np.float64)
    rows: FloatArray = (wide / np.linalg.norm(wide, axis=1, keepdims=True)).astype(np.float32)
    return rows


def _requests(bounds: IntArray, options: Options) -> Iterator[IntArray]:
    """Part places of texts into requests within the bounds of tokens and texts."""
    for batch in cut_batches(bounds, options.tokens_per_request):
        for start in range(0, len(batch), options.texts_per_request):
            yield batch[start : start + options.texts_per_request]


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
    answer = _probe(server, used)
    if spec is not None and answer.vectors.shape[1] != spec.dimensions:
        found = answer.vectors.shape[1]
        raise EndpointError("endpoint_wrong_dimensions", url=server.url, expected=spec.dimensions, found=found)
    counter = _counter(server.name, spec, used, answer)
    unknown = message("endpoint_note_prompts", Language.EN, name=server.name) if prompts is None and not spec else ""
    content = _probe_hash(answer.vectors)
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


def _probe(server: Server, prompts: Prompts) -> Answer:
    """Return the unit vectors of the probe texts, and the tokens that the server counted for all of them."""
    sent = _probe_texts(prompts)
    size = max(1, min(len(sent), server.options.texts_per_request))
    answers = [server.embed(sent[start : start + size], Event()) for start in range(0, len(sent), size)]
    widths = {answer.vectors.shape[1] for answer in answers}
    if len(widths) != 1:
        found = ", ".join(map(str, sorted(widths)))
        expected = answers[0].vectors.shape[1]
        raise EndpointError("endpoint_wrong_dimensions", url=server.url, expected=expected, found=found)
    counts = [answer.n_tokens for answer in answers]
    vectors = unit_rows(np.concatenate([answer.vectors for answer in answers]))
    return Answer(vectors, sum(counts) if all(counts) else 0)


def _probe_texts(prompts: Prompts) -> list[str]:
    return [with_prompt(probe.text, probe.role, prompts) for probe in probes()]


def _probe_hash(vectors: FloatArray) -> str:
    """Return 40 digits for what the server makes of the probe texts.

    Signs are kept rather than numbers: on a GPU the last digits depend on who else is asking, and vectors would be
    computed again after each start. A training step, other arithmetic or another prompt turns some of the thousands
    of signs.
    """
    return blake2b(np.packbits(vectors > 0).tobytes(), digest_size=20).hexdigest()


def _counter(name: str, spec: ModelSpec | None, prompts: Prompts, answer: Answer) -> TokenCounter:
    """Return the most exact counter there is: the tokenizer, else the server's count of the probes, else a bound."""
    exact = _local_tokenizer(name, spec)
    if exact is not None:
        note = message("endpoint_note_tokens_exact", Language.EN, name=name)
        return TokenCounter(note, exact=exact)
    sent = _probe_texts(prompts)
    chars = sum(map(len, sent))
    rate = (answer.n_tokens - SPECIAL_TOKENS * len(sent)) / chars
    # Infinity calls characters tokens: that tells nothing.
    if 0 < rate <= 1 and answer.n_tokens != chars:
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
        return TextTokenizer(AutoTokenizer.from_pretrained(str(folder), local_files_only=True), ANY_LENGTH).count
    except (OSError, ValueError, AttributeError):
        return None
