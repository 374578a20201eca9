"""One server and one of its models: how it is asked, how often and how much at once, and its errors in words.

The `openai` package is imported only when a server is named. Its client tries again by itself; `_careful_client` says
what it may try again and how much of an answer is read.
"""

from __future__ import annotations

import base64
import json
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from importlib import import_module
from threading import Condition, Event
from typing import TYPE_CHECKING, Any, Final, Literal

from koe5_demo.catalog import CATALOG, ModelSpec
from koe5_demo.encoding.endpoint.protocol import Address, Answer, broken_answer, joined, read_answer
from koe5_demo.errors import EndpointError, MissingExtraError
from koe5_demo.records import UNKNOWN_LIMIT, Role

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI  # type: ignore[import-not-found]

MOST_BYTES_PER_TEXT: Final = 1_000_000
"""Of an answer: 4,096 dimensions as numbers are some 90,000. What is larger is read no further."""
ANY_NAME: Final = "default"  # servers of one model ignore the name, but the protocol wants one
SHOWN_REASON: Final = 200
SHOWN_MODELS: Final = 5
LIST_TIMEOUT_S: Final = 10.0
LONGEST_BACK_OFF_S: Final = 8.0
FIRST_WAIT_S: Final = 0.5
SHRINK: Final = 4
"""A request that timed out is sent again in parts of a quarter: half the size often times out once more."""
CALM_AFTER: Final = 16
"""Answers in a row after which a little more is asked at once again."""
BAD_KEY: Final = (401, 403)
NOT_FOUND: Final = 404
BAD_REQUEST: Final = (400, 415, 422)
TOO_LARGE: Final = (400, 413, 422)
TOO_SOON: Final = (408, 425, 429)
SERVER_FAULT: Final = 500
REDIRECTS: Final = range(300, 400)
# base64 is a quarter of the bytes; a server that refuses it is asked for "float".
FORMATS: Final[tuple[Literal["base64", "float"], ...]] = ("base64", "float")


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


class Pace:
    """How much is asked at once: less after a refusal for good, less after a time-out until all is calm again.

    Args:
        options: The most that may be asked.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._most = options.texts_per_request
        self._texts = options.texts_per_request
        self._width = options.concurrency
        self._under_way = self._calm = 0
        self._changed = Condition()

    @property
    def texts(self) -> int:
        """Return how many texts a request may hold now."""
        return max(1, min(self._most, self._texts))

    @property
    def width(self) -> int:
        """Return how many requests may be under way now."""
        return self._width

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until another request may be under way."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way < self._width)
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def refused_above(self, n_texts: int) -> None:
        """Remember the most texts that the server takes."""
        self._most = min(self._most, n_texts)

    def timed_out(self, n_texts: int) -> None:
        """Ask for less, one request at a time: the server may still be busy with those that were given up."""
        with self._changed:
            self._texts = min(self._texts, max(1, n_texts // SHRINK))
            self._width, self._calm = 1, 0

    def answered(self) -> None:
        """Ask for a little more after some answers in a row."""
        with self._changed:
            self._calm += 1
            if self._calm >= CALM_AFTER:
                self._calm = 0
                self._texts = min(2 * self._texts, self._options.texts_per_request)
                self._width = min(self._width + 1, self._options.concurrency)
                self._changed.notify_all()


class Server:
    """One server and one of its models, asked through the official client. Safe with threads.

    Args:
        address: Where it is.
        options: Bounds, time-outs and retries.
        key: What it is opened with; empty if it is open.
    """

    def __init__(self, address: Address, options: Options, key: str = "") -> None:
        self.url: Final = address.url
        self.options: Final = options
        self.pace: Final = Pace(options)
        self.spec: ModelSpec | None = None
        self._secrets = [secret for secret in (key, *address.userinfo.split(":", 1)) if secret]
        self._calls = Calls()
        self._client, self._headers = _careful_client(address, options, key, self._calls)
        self._address = replace(address.with_bodies(options.query_body, options.passage_body), userinfo="")
        self._format = FORMATS[0]
        self._extra_body: dict[str, object] = {}
        self._listed: dict[str, dict[str, Any]] = {}
        self._answers_as: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Server({self.url!r}, {self.model!r})"

    @property
    def model(self) -> str:
        """Return the model as it stands behind the # of an address."""
        return self._address.model

    @property
    def name(self) -> str:
        """Return the name of the model, the one for queries if there are two."""
        return self._address.name

    @property
    def tells_roles(self) -> bool:
        """Return whether the server is told what a text is, so that it can add a prefix itself."""
        return self._address.tells_roles

    @property
    def answers_as(self) -> str:
        """Return what the server calls the model that answers queries; empty if it does not say."""
        return self._answers_as.get(self._address.asked(Role.QUERY)[0], "")

    def find_model(self) -> int:
        """Learn from the list of models, where the server has one, which model answers; return its limit of tokens.

        Raises:
            EndpointError: If no name was given and there are several models, or the name is not in the list.
        """
        self._listed = self._listed_models()
        given = self._address
        if not given.name and len(self._listed) > 1:
            raise EndpointError("endpoint_which_model", url=self.url, valid=self._shown_list())
        name = self._listed_as(given.name) if given.name else next(iter(self._listed), "")
        second = self._listed_as(given.passage_name) if given.passage_name else ""
        self._address = replace(given, name=name, passage_name=second)
        self.spec = known_model(given.name) or known_model(name)
        entry = self._listed.get(name, {})
        if entry.get("owned_by") == "vllm":
            # Other servers cut long texts unasked; this one refuses them unless it is told to cut at its limit.
            self._extra_body = {"truncate_prompt_tokens": -1}
        limit = entry.get("max_model_len")
        return limit if isinstance(limit, int) and limit > 0 else UNKNOWN_LIMIT

    def choose_format(self) -> None:
        """Find out with one short text in which form the server gives vectors.

        Raises:
            EndpointError: If it gives none.
        """
        for name in FORMATS:
            self._format = name
            try:
                self.embed(["1"], Role.QUERY, Event())
            except EndpointError as error:
                if name == FORMATS[-1] or error.values.get("status") not in BAD_REQUEST:
                    raise
            else:
                return

    def embed(self, sent: Sequence[str], role: Role, stop: Event) -> Answer:
        """Ask for the vectors of texts as they are given; try again while that may help.

        A request that the server finds too large is sent in halves, and the size that went through is remembered. One
        that timed out is sent again in smaller parts, unless nothing has come back for `patience_s`.

        Args:
            sent: Texts with their prompts, at least one, none empty.
            role: Which of the model's names, and which additions to the body.
            stop: Ends the waiting between tries.

        Raises:
            EndpointError: If the server cannot be reached, refuses, or answers wrongly.
        """
        waiting = deque([list(sent)])
        answers: list[Answer] = []
        most, n_timeouts, deadline = len(sent), 0, time.monotonic() + self.options.patience_s
        while waiting:
            part = waiting.popleft()
            size = min(most, self.pace.texts)
            if len(part) > size:
                waiting.extendleft(part[n : n + size] for n in reversed(range(0, len(part), size)))
                continue
            call = Call(stop, deadline)
            try:
                with self.pace.turn():
                    answers.append(self._ask(part, role, call))
            except EndpointError as error:
                waiting.appendleft(part)
                if call.timed_out:
                    n_timeouts += 1
                    self.pace.timed_out(len(part))
                    if not self._may_go_on(n_timeouts, call):
                        seconds = self.options.timeout_s
                        raise EndpointError(
                            "endpoint_timeout", url=self.url, seconds=seconds, tries=n_timeouts
                        ) from None
                elif len(part) > 1 and error.values.get("status") in TOO_LARGE:
                    most = (len(part) + 1) // 2
                else:
                    raise
            else:
                self.pace.answered()
                n_timeouts, deadline = 0, time.monotonic() + self.options.patience_s
        if most < len(sent):
            self.pace.refused_above(most)  # only now: a text that was refused for itself says nothing of the size
        return joined(answers, self.url)

    def require_same_list(self) -> None:
        """Ask for the list of models once more.

        Raises:
            EndpointError: If it does not hold the model any more, or another one under its name.
        """
        if not self._listed:
            return
        now = self._listed_models()
        for name in filter(None, (self._address.name, self._address.passage_name)):
            before, after = self._listed[name], now.get(name)
            if now and (after is None or after.get("root") != before.get("root")):
                found = ", ".join(list(now)[:SHOWN_MODELS]) if after is None else str(after.get("root"))
                raise self.model_changed(str(before.get("root") or name), found)

    def model_changed(self, before: str, after: str) -> EndpointError:
        """Return the error of a server whose model is another one than when it was opened, to be raised."""
        return EndpointError("endpoint_model_changed", url=self.url, before=before, after=after)

    def _may_go_on(self, n_timeouts: int, call: Call) -> bool:
        """Return whether a request that timed out is sent again, after a pause for the server to catch up."""
        if n_timeouts > self.options.retries or time.monotonic() >= call.deadline:
            return False
        return not call.stop.wait(min(FIRST_WAIT_S * 2 ** (n_timeouts - 1), LONGEST_BACK_OFF_S))

    def _ask(self, sent: list[str], role: Role, call: Call) -> Answer:
        name, body = self._address.asked(role)
        self._calls.current = call
        try:
            answer = self._client.embeddings.with_raw_response.create(
                model=name or ANY_NAME,
                input=sent,
                encoding_format=self._format,
                extra_headers=self._headers,
                extra_body={**self._extra_body, **body} or None,
            )
        except _client_errors() as error:
            # Not chained: the client's own text may repeat the key or a visitor's words.
            raise self._explained(error, call) from None
        read = read_answer(bytes(answer.http_response.content), len(sent), self.url)
        before = self._answers_as.setdefault(name, read.model)
        if before and read.model and read.model != before:
            raise self.model_changed(before, read.model)
        return read

    def _listed_models(self) -> dict[str, dict[str, Any]]:
        """Return what the server lists by name; nothing if it has no list, which the protocol does not ask for."""
        self._calls.current = Call()
        client = self._client.with_options(max_retries=0, timeout=min(self.options.timeout_s, LIST_TIMEOUT_S))
        try:
            answer = client.models.with_raw_response.list(extra_headers=self._headers)
            data = json.loads(answer.http_response.content)["data"]
            return {str(model["id"]): dict(model) for model in data}
        except _client_errors():
            return {}
        except (ValueError, KeyError, TypeError, RecursionError):
            return {}

    def _listed_as(self, name: str) -> str:
        """Return the name by which the server lists a model that was asked for.

        Raises:
            EndpointError: If it lists others only: it would answer with one of them.
        """
        if not self._listed or name in self._listed:
            return name
        alike = [listed for listed in self._listed if same_model(name, listed)]
        if len(alike) != 1:
            raise EndpointError("endpoint_not_listed", url=self.url, name=name, valid=self._shown_list())
        return alike[0]

    def _shown_list(self) -> str:
        return ", ".join(list(self._listed)[:SHOWN_MODELS])

    def _explained(self, error: Exception, call: Call) -> EndpointError:
        """Return an error of the client in words."""
        import openai

        if call.problem is not None:
            return call.problem
        if not isinstance(error, openai.APIStatusError):
            reason = self._shown(str(error.__cause__ or error))
            return EndpointError("endpoint_unreachable", url=self.url, reason=reason, tries=max(1, call.n_tries))
        status = error.status_code
        values = {"url": self.url, "status": status, "reason": self._reason(error)}
        if call.asked_wait_s is not None:
            return EndpointError("endpoint_wait_too_long", **values, seconds=call.asked_wait_s)
        if status in TOO_SOON or status >= SERVER_FAULT:
            return EndpointError("endpoint_busy", **values, tries=call.n_tries)
        key = {**dict.fromkeys(BAD_KEY, "endpoint_key_refused"), NOT_FOUND: "endpoint_not_found"}
        return EndpointError(key.get(status, "endpoint_refused"), **values, name=self.name)

    def _reason(self, error: APIStatusError) -> str:
        if error.status_code in REDIRECTS:
            return self._shown(f"it points to {error.response.headers.get('location', '?').partition('?')[0]}")
        return self._shown(_server_words(error.body) or error.message)

    def _shown(self, reason: str) -> str:
        """Return the first line of a reason, short and without secrets: some servers repeat the key they refuse."""
        for secret in self._secrets:
            reason = reason.replace(secret, "***")
        return (reason.strip().splitlines() or ["?"])[0][:SHOWN_REASON]


def known_model(name: str) -> ModelSpec | None:
    """Return the catalog's record for a catalog id or hub id, or None."""
    if name in CATALOG:
        return CATALOG[name]
    return next((spec for spec in CATALOG.values() if spec.hub_id and spec.hub_id.lower() == name.lower()), None)


def same_model(asked: str, told: str) -> bool:
    """Return whether two names may be those of one model: as servers shorten, tag and spell out what they were given.

    >>> same_model("koe5", "nlpai-lab/KoE5"), same_model("all-minilm", "all-minilm:latest")
    (True, True)
    >>> same_model("KoE5", "/models/koe5"), same_model("fa/model", "fb/model")
    (True, False)
    """
    specs = known_model(asked), known_model(told)
    if None not in specs:
        return specs[0] is specs[1]
    first, second = (name.lower().removesuffix(":latest").strip("/") for name in (asked, told))
    return first == second or first.endswith(f"/{second}") or second.endswith(f"/{first}")


def _careful_client(address: Address, options: Options, key: str, calls: Calls) -> tuple[OpenAI, dict[str, Any]]:
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


def _client_errors() -> tuple[type[Exception], ...]:
    """Return the errors of the client that tell of the server or of the way to it."""
    import openai

    return (openai.APIConnectionError, openai.APIStatusError)


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


def _server_words(body: object) -> str:
    """Return the message of an error's body: servers write it as `error.message`, `error`, `message` or `detail`."""
    while isinstance(body, dict):
        body = next((body[key] for key in ("error", "message", "detail") if body.get(key)), "")
    return str(body) if body else ""
