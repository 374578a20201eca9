"""One server and one of its models: how it is asked, how much at once, and its errors in words."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Condition, Event
from typing import TYPE_CHECKING, Any, Final, Literal

from koe5_demo.catalog import CATALOG, ModelSpec
from koe5_demo.encoding.endpoint.client import (
    LONGEST_BACK_OFF_S,
    SERVER_FAULT,
    TOO_SOON,
    Call,
    Calls,
    Options,
    careful_client,
    client_errors,
)
from koe5_demo.encoding.endpoint.protocol import Address, Answer, joined, read_answer
from koe5_demo.errors import EndpointError
from koe5_demo.records import UNKNOWN_LIMIT, Role

if TYPE_CHECKING:
    from openai import APIStatusError  # type: ignore[import-not-found]

ANY_NAME: Final = "default"  # servers of one model ignore the name, but the protocol wants one
SHOWN_REASON: Final = 200
SHOWN_MODELS: Final = 5
LIST_TIMEOUT_S: Final = 10.0
FIRST_WAIT_S: Final = 0.5
SHRINK: Final = 4
"""A request that timed out is sent again in parts of a quarter: half the size often times out once more."""
CALM_AFTER: Final = 16
"""Answers in a row after which a little more is asked at once again."""
BAD_KEY: Final = (401, 403)
NOT_FOUND: Final = 404
BAD_REQUEST: Final = (400, 415, 422)
TOO_LARGE: Final = (400, 413, 422)
REDIRECTS: Final = range(300, 400)
# base64 is a quarter of the bytes; a server that refuses it is asked for "float".
FORMATS: Final[tuple[Literal["base64", "float"], ...]] = ("base64", "float")


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

    Attributes:
        address: The same with the names by which the server lists its model, and without what opens it.
    """

    def __init__(self, address: Address, options: Options, key: str = "") -> None:
        self.url: Final = address.url
        self.options: Final = options
        self.pace: Final = Pace(options)
        self.spec: ModelSpec | None = None
        self._secrets = [secret for secret in (key, *address.userinfo.split(":", 1)) if secret]
        self._calls = Calls()
        self._client, self._headers = careful_client(address, options, key, self._calls)
        self.address = replace(
            address,
            query_body={**options.query_body, **address.query_body},
            passage_body={**options.passage_body, **address.passage_body},
            userinfo="",
        )
        self._format = FORMATS[0]
        self._extra_body: dict[str, object] = {}
        self._listed: dict[str, dict[str, Any]] = {}
        self._answers_as: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Server({self.url!r}, {self.address.model!r})"

    @property
    def answers_as(self) -> str:
        """Return what the server calls the model that answers queries; empty if it does not say."""
        return self._answers_as.get(self.address.asked(Role.QUERY)[0], "")

    def find_model(self) -> int:
        """Learn from the list of models, where the server has one, which model answers; return its limit of tokens.

        Raises:
            EndpointError: If no name was given and there are several models, or the name is not in the list.
        """
        self._listed = self._listed_models()
        given = self.address
        if not given.name and len(self._listed) > 1:
            raise EndpointError("endpoint_which_model", url=self.url, valid=self._shown_list())
        name = self._listed_as(given.name) if given.name else next(iter(self._listed), "")
        second = self._listed_as(given.passage_name) if given.passage_name else ""
        self.address = replace(given, name=name, passage_name=second)
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
        for name in filter(None, (self.address.name, self.address.passage_name)):
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
        name, body = self.address.asked(role)
        self._calls.current = call
        try:
            answer = self._client.embeddings.with_raw_response.create(
                model=name or ANY_NAME,
                input=sent,
                encoding_format=self._format,
                extra_headers=self._headers,
                extra_body={**self._extra_body, **body} or None,
            )
        except client_errors() as error:
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
        except client_errors():
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
        return EndpointError(key.get(status, "endpoint_refused"), **values, name=self.address.name)

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


def _server_words(body: object) -> str:
    """Return the message of an error's body: servers write it as `error.message`, `error`, `message` or `detail`."""
    while isinstance(body, dict):
        body = next((body[key] for key in ("error", "message", "detail") if body.get(key)), "")
    return str(body) if body else ""
