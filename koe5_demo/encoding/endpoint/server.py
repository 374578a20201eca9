"""One server and one of its models: which model answers and in what form, tries and waits, errors in words."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from random import SystemRandom
from threading import Event
from typing import TYPE_CHECKING, Any, Final, Literal

from koe5_demo.encoding.endpoint.address import Address
from koe5_demo.encoding.endpoint.answer import Answer, read_answer
from koe5_demo.encoding.endpoint.client import Options, client_errors, open_client
from koe5_demo.errors import EndpointError

if TYPE_CHECKING:
    from openai import APIStatusError  # type: ignore[import-not-found]

ANY_LENGTH: Final = 1_000_000
ANY_NAME: Final = "default"  # servers of one model ignore the name, but the protocol wants one
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
# base64 is a quarter of the bytes; a server that refuses it is asked for "float".
FORMATS: Final[tuple[Literal["base64", "float"], ...]] = ("base64", "float")


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
        self._client, self._headers = open_client(address, options, key)
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
            except client_errors() as error:
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
        except client_errors():
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
