"""A remote embedding server as a model: against a server in this process that speaks the protocol."""

from __future__ import annotations

import json
import logging
import math
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

pytest.importorskip("openai", reason="needs requirements-endpoint.txt")

from embedding_server import EmbeddingServer, Fault, serve_embeddings
from koe5_demo import exports
from koe5_demo.catalog import CATALOG
from koe5_demo.encoding import hub
from koe5_demo.encoding.cache import CachingEncoder, VectorCache
from koe5_demo.encoding.endpoint import (
    EndpointEncoder,
    Options,
    model_address,
    open_endpoint,
    parse_address,
    shown_name,
)
from koe5_demo.encoding.endpoint.client import retry_after
from koe5_demo.encoding.endpoint.protocol import read_answer
from koe5_demo.encoding.endpoint.server import CALM_AFTER, Pace
from koe5_demo.encoding.opening import load_encoder
from koe5_demo.errors import EndpointError, MissingExtraError, SettingError
from koe5_demo.prompts import GivenPrompts
from koe5_demo.ranking import RankingRequest, compare, rank_all
from koe5_demo.records import Encoder, Prompts, Role
from koe5_demo.words import Language

KEY = "sk-of-nobody-9f3c0123456789"
PROMPTS = Prompts("query: ", "passage: ")
TEXTS = ("서울은 대한민국의 수도이다.", "부산", "바다와 산이 있는 항구 도시 부산의 겨울", "a b c", "김치찌개")
QUICK = Options(timeout_s=10, retries=3, patience_s=20)


@pytest.fixture(autouse=True)
def quiet_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KOE5_ENDPOINT_KEY", raising=False)
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)
    monkeypatch.setattr("koe5_demo.encoding.endpoint.server.FIRST_WAIT_S", 0.01)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def local(tiny_folder: Path) -> Encoder:
    return load_encoder(str(tiny_folder), device="cpu", dtype="fp32", prompts=PROMPTS)


@pytest.fixture(scope="module")
def service(tiny_folder: Path) -> Iterator[EmbeddingServer]:
    """The tiny model behind the protocol: what it gets is what the model sees."""
    model = SentenceTransformer(str(tiny_folder), device="cpu", local_files_only=True)
    lock = threading.Lock()

    def embed(texts: Sequence[str]) -> np.ndarray:
        with lock:
            return model.encode(list(texts), prompt="", normalize_embeddings=True, show_progress_bar=False)

    with serve_embeddings(embed) as running:
        yield running


@pytest.fixture
def server(service: EmbeddingServer) -> Iterator[EmbeddingServer]:
    """The server as it is when nothing is wrong."""
    right = {name: getattr(service, name) for name in service.__dataclass_fields__ if name not in ("url", "lock")}
    service.faults, service.requests, service.headers, service.most_under_way = [], [], [], 0
    yield service
    for name, value in right.items():
        setattr(service, name, value)


def connect(server: EmbeddingServer, name: str = "tiny", **values: Any) -> EndpointEncoder:
    values = {"prompts": PROMPTS, "options": QUICK, **values}
    encoder = open_endpoint(f"endpoint:{server.url}#{name}", **values)
    server.forget()
    return encoder


def numbered(texts: Sequence[str]) -> np.ndarray:
    """Vectors of texts that end with a number: (number, 1), not at unit length."""
    return np.array(
        [[float(digits), 1.0] if (digits := text.rsplit(" ", 1)[-1]).isdigit() else [1, 1] for text in texts]
    )


def numbers(vectors: np.ndarray) -> list[int]:
    return [round(x / y) for x, y in vectors.astype(float)]


@pytest.fixture
def counting() -> Iterator[EmbeddingServer]:
    with serve_embeddings(numbered) as running:
        yield running


# --- the right way ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
def test_vectors_are_those_of_the_model_behind_the_server(server: EmbeddingServer, local: Encoder, role: Role) -> None:
    encoded = connect(server).encode(TEXTS, role)
    assert encoded.vectors.dtype == np.float32
    np.testing.assert_allclose(encoded.vectors, local.encode(TEXTS, role).vectors, atol=1e-6)


def test_ranking_runs_on_it_unchanged(server: EmbeddingServer, local: Encoder) -> None:
    there, here = (compare(["수도"], list(TEXTS), encoder) for encoder in (connect(server), local))
    assert [hit.index for hit in there.hits(0)] == [hit.index for hit in here.hits(0)]


def test_a_query_and_its_passages_go_in_one_request(server: EmbeddingServer, local: Encoder) -> None:
    encoder = connect(server)
    pair = (["한국의 수도"], Role.QUERY), (TEXTS, Role.PASSAGE)
    together = encoder.encode_both(*pair)
    assert [len(request["input"]) for request in server.requests] == [1 + len(TEXTS)]
    for encoded, part in zip(together, pair, strict=True):
        np.testing.assert_allclose(encoded.vectors, local.encode(*part).vectors, atol=1e-6)
        assert list(encoded.n_tokens) == list(encoder.count_tokens(*part))


def test_no_text_gives_no_row_and_asks_nothing(server: EmbeddingServer) -> None:
    encoder = connect(server)
    assert encoder.encode([], Role.QUERY).vectors.shape == (0, 32)
    assert encoder.count_tokens([], Role.QUERY).shape == (0,)
    assert server.requests == []


def test_prompts_are_added_exactly_once(server: EmbeddingServer) -> None:
    encoder = connect(server)
    encoder.encode(["수도", "query: 수도", "passage:수도"], Role.QUERY)
    assert sorted(server.texts) == ["passage: 수도", "query: 수도", "query: 수도"]
    server.forget()
    encoder.encode(["수도"], Role.NONE)
    assert server.texts == ["수도"]


@pytest.mark.parametrize("name", ["koe5", "nlpai-lab/KoE5", "NLPAI-lab/koe5"])
def test_a_name_of_the_catalog_brings_its_prompts_width_and_limit(counting: EmbeddingServer, name: str) -> None:
    counting.embed = lambda texts: np.ones((len(texts), 1024))
    info = connect(counting, name, prompts=None).info
    assert (info.prompts, info.dimensions, info.max_tokens) == (CATALOG["koe5"].prompts, 1024, 512)
    assert info.id == f"endpoint:{name}"
    assert info.hub_id is None


def test_an_unknown_name_gets_no_prompts_and_a_note(server: EmbeddingServer) -> None:
    encoder = connect(server, prompts=None)
    assert encoder.info.prompts == Prompts()
    assert "prompts of 'tiny' are not known" in encoder.info.note
    encoder.encode(["수도"], Role.QUERY)
    assert server.texts == ["수도"]


def test_a_catalog_model_of_another_width_is_another_model(server: EmbeddingServer) -> None:
    with pytest.raises(EndpointError, match="32 dimensions instead of 1,024"):
        connect(server, "koe5", prompts=None)


def test_texts_are_sent_in_requests_within_the_bounds(counting: EmbeddingServer) -> None:
    counting.max_texts = 8
    encoder = connect(counting, options=Options(tokens_per_request=200, texts_per_request=8))
    texts = [f"{'가' * (n % 90)} {n}" for n in range(300)]
    assert numbers(encoder.encode(texts, Role.NONE).vectors) == list(range(300))
    for request in counting.requests:
        assert len(request["input"]) <= 8
        assert sum(len(text) + 2 for text in request["input"]) <= 200
    assert sorted(counting.texts) == sorted(texts)


def test_a_text_longer_than_a_request_goes_alone(counting: EmbeddingServer) -> None:
    encoder = connect(counting, options=Options(tokens_per_request=50))
    encoder.encode(["가" * 500 + " 7", "8"], Role.NONE)
    assert sorted(len(request["input"]) for request in counting.requests) == [1, 1]


def test_order_is_kept_when_answers_overtake_each_other(counting: EmbeddingServer) -> None:
    encoder = connect(counting, options=Options(texts_per_request=2, concurrency=4))
    counting.most_under_way = 0
    counting.delay_s = lambda n: 0.05 * (3 - n % 4)
    done: list[int] = []
    texts = [f"글 {n}" for n in range(24)]
    encoded = encoder.encode(texts, Role.NONE, on_progress=lambda n, _of: done.append(n))
    assert numbers(encoded.vectors) == list(range(24))
    assert done == sorted(done)
    assert done[-1] == 24
    assert 2 <= counting.most_under_way <= 4


def test_callers_in_many_threads_share_the_bound_and_get_their_own_vectors(counting: EmbeddingServer) -> None:
    encoder = connect(counting, options=Options(texts_per_request=1, concurrency=3))
    counting.most_under_way = 0
    counting.delay_s = lambda _n: 0.01
    found: dict[int, list[int]] = {}

    def call(start: int) -> None:
        texts = [f"글 {n}" for n in range(start, start + 5)]
        found[start] = numbers(encoder.encode(texts, Role.NONE).vectors)

    threads = [threading.Thread(target=call, args=(100 * n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {100 * n: list(range(100 * n, 100 * n + 5)) for n in range(6)}
    assert counting.most_under_way <= 3


def test_a_corpus_does_not_queue_before_a_ranking(counting: EmbeddingServer) -> None:
    encoder = connect(counting, options=Options(texts_per_request=1, concurrency=2))
    counting.delay_s = lambda _n: 0.02
    begun, ranked = threading.Event(), []

    def corpus() -> None:
        encoder.encode([f"글 {n}" for n in range(100)], Role.NONE, on_progress=lambda *_: begun.set())

    thread = threading.Thread(target=corpus)
    thread.start()
    begun.wait(10)
    encoder.encode(["질의 500"], Role.NONE)
    ranked = counting.texts.index("질의 500")
    thread.join()
    assert ranked < 90


def test_cancelling_stops_the_requests(counting: EmbeddingServer) -> None:
    encoder = connect(counting, options=Options(texts_per_request=1, concurrency=2))

    def cancel(done: int, _of: int) -> None:
        if done >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encoder.encode([f"글 {n}" for n in range(100)], Role.NONE, on_progress=cancel)
    assert len(counting.requests) <= 3 + 2 * 2


def test_vectors_that_are_not_at_unit_length_are_brought_there(counting: EmbeddingServer) -> None:
    vectors = connect(counting).encode(["글 3"], Role.NONE).vectors
    np.testing.assert_allclose(vectors, [[3 / math.sqrt(10), 1 / math.sqrt(10)]], atol=1e-7)


@pytest.mark.parametrize("formats", [("float",), ("base64",), ("float", "base64")])
def test_numbers_and_base64_give_the_same_vectors(
    server: EmbeddingServer, local: Encoder, formats: tuple[str, ...]
) -> None:
    server.formats = formats
    vectors = connect(server).encode(TEXTS, Role.QUERY).vectors
    np.testing.assert_allclose(vectors, local.encode(TEXTS, Role.QUERY).vectors, atol=1e-6)
    assert {request["encoding_format"] for request in server.requests} == {"base64" if "base64" in formats else "float"}


def test_a_server_that_gives_numbers_when_asked_for_base64_is_understood(counting: EmbeddingServer) -> None:
    def as_numbers(answer: dict[str, Any]) -> dict[str, Any]:
        for item in answer["data"]:
            item["embedding"] = [3.0, 1.0]
        return answer

    counting.always = Fault(tamper=as_numbers)
    assert numbers(connect(counting).encode(["글"], Role.NONE).vectors) == [3]


def test_entries_are_put_in_order_by_their_index(server: EmbeddingServer, local: Encoder) -> None:
    server.always = Fault(tamper=lambda answer: {**answer, "data": answer["data"][::-1]})
    vectors = connect(server).encode(TEXTS, Role.QUERY).vectors
    np.testing.assert_allclose(vectors, local.encode(TEXTS, Role.QUERY).vectors, atol=1e-6)


def test_a_blank_text_without_prompt_is_sent_as_a_blank(counting: EmbeddingServer) -> None:
    connect(counting, prompts=Prompts()).encode([""], Role.PASSAGE)
    assert counting.texts == [" "]


# --- what is said of the model ---------------------------------------------------------------------------------------


def test_token_counts_are_estimates_from_the_servers_count_and_say_so(counting: EmbeddingServer) -> None:
    encoder = connect(counting)
    assert "estimates (1.00 a character, as the server counted" in encoder.info.note
    # "query: " has 7 characters, "가나다" 3, and there are 2 around a text.
    assert encoder.count_tokens(["가나다"], Role.QUERY).tolist() == [12]
    assert encoder.encode(["가나다"], Role.QUERY).n_tokens.tolist() == [12]
    assert encoder.tokens_billed == 12


def test_without_a_count_of_the_server_every_character_is_a_token(counting: EmbeddingServer) -> None:
    counting.with_usage = False
    encoder = connect(counting)
    assert "more than there are" in encoder.info.note
    assert encoder.count_tokens(["가나다"], Role.NONE).tolist() == [5]
    encoder.encode(["가나다"], Role.NONE)
    assert encoder.tokens_billed == 0


def test_a_server_that_calls_characters_tokens_is_not_believed(counting: EmbeddingServer) -> None:
    def in_characters(answer: dict[str, Any]) -> dict[str, Any]:
        answer["usage"]["prompt_tokens"] -= 2 * len(answer["data"])
        return answer

    counting.always = Fault(tamper=in_characters)
    assert "more than there are" in connect(counting).info.note


def test_tokens_are_counted_exactly_where_the_tokenizer_is_at_hand(
    counting: EmbeddingServer, local: Encoder, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "cached_folder", lambda *_: tiny_folder)
    counting.embed = lambda texts: np.ones((len(texts), 1024))
    encoder = connect(counting, "nlpai-lab/KoE5", prompts=None)
    assert encoder.count_tokens(TEXTS, Role.PASSAGE).tolist() == local.count_tokens(TEXTS, Role.PASSAGE).tolist()
    assert "counted with the tokenizer of nlpai-lab/KoE5" in encoder.info.note


def test_the_fingerprint_follows_address_name_prompts_and_weights(counting: EmbeddingServer) -> None:
    first = connect(counting).info
    assert connect(counting).info == first
    others = [connect(counting, "other").info, connect(counting, prompts=Prompts("q: ", "p: ")).info]
    counting.embed = lambda texts: numbered(texts) * [1, -1]
    others.append(connect(counting).info)
    assert len({first.fingerprint, *(info.fingerprint for info in others)}) == 4
    assert first.revision.startswith("probe-")
    assert others[-1].revision != first.revision


def test_the_only_listed_model_is_the_one(counting: EmbeddingServer) -> None:
    counting.models = [{"id": "org/one", "object": "model", "max_model_len": 300}]
    info = open_endpoint(f"endpoint:{counting.url}").info
    assert (info.id, info.max_tokens) == ("endpoint:org/one", 300)
    assert {request["model"] for request in counting.requests} == {"org/one"}


def test_several_listed_models_need_a_name(counting: EmbeddingServer) -> None:
    counting.models = [{"id": "one"}, {"id": "two"}]
    with pytest.raises(EndpointError, match="several models \\(one, two\\)"):
        open_endpoint(f"endpoint:{counting.url}")


def test_vllm_is_told_to_cut_long_texts_and_others_are_not(counting: EmbeddingServer) -> None:
    counting.models = [{"id": "tiny", "owned_by": "vllm", "max_model_len": 512}]
    connect(counting).encode(["글"], Role.NONE)
    assert [request["truncate_prompt_tokens"] for request in counting.requests] == [-1]
    counting.models = [{"id": "tiny", "owned_by": "infinity"}]
    connect(counting).encode(["글"], Role.NONE)
    assert "truncate_prompt_tokens" not in counting.requests[0]


def test_a_name_that_the_server_does_not_list_is_refused(counting: EmbeddingServer) -> None:
    counting.models = [{"id": "intfloat/multilingual-e5-small"}, {"id": "other"}]
    counting.embed = lambda texts: np.ones((len(texts), 384))
    for name in ("koen-e5-tiny", "nlpai-lab/KoE5", "someone/other-model"):
        with pytest.raises(EndpointError, match=f"no model '{name}'. It names intfloat/multilingual-e5-small, other"):
            connect(counting, name, prompts=None)
    assert counting.requests == []


@pytest.mark.parametrize(
    ("asked", "listed"),
    [("koe5", "nlpai-lab/KoE5"), ("NLPAI-lab/koe5", "koe5"), ("nlpai-lab/KoE5", "/models/nlpai-lab/KoE5")],
)
def test_a_name_that_the_server_spells_in_another_way_is_sent_and_shown_as_listed(
    counting: EmbeddingServer, asked: str, listed: str
) -> None:
    counting.models = [{"id": listed}, {"id": "other/model"}]
    counting.embed = lambda texts: np.ones((len(texts), 1024))
    encoder = connect(counting, asked, prompts=None)
    encoder.encode(["글"], Role.QUERY)
    assert (encoder.info.id, encoder.info.prompts) == (f"endpoint:{listed}", CATALOG["koe5"].prompts)
    assert {request["model"] for request in counting.requests} == {listed}


def test_a_server_whose_answers_name_another_model_is_told_or_refused(counting: EmbeddingServer) -> None:
    counting.answers_as = "intfloat/multilingual-e5-small"
    assert "calls its model 'intfloat/multilingual-e5-small'" in connect(counting).info.note
    counting.embed = lambda texts: np.ones((len(texts), 1024))
    counting.answers_as = "BAAI/bge-m3"
    with pytest.raises(EndpointError, match=r"no model 'koe5'\. It names BAAI/bge-m3"):
        connect(counting, "koe5", prompts=None)


def test_a_limit_that_nobody_stated_is_unknown(counting: EmbeddingServer) -> None:
    assert connect(counting).info.known_limit is None
    counting.models = [{"id": "tiny", "max_model_len": 300}]
    assert connect(counting).info.known_limit == 300


def test_a_score_of_a_server_cannot_be_taken_apart(counting: EmbeddingServer, local: Encoder) -> None:
    assert not connect(counting).info.can_explain
    assert local.info.can_explain


# --- servers that add prefixes themselves ----------------------------------------------------------------------------


def asked_by_role(server: EmbeddingServer, encoder: EndpointEncoder, *keys: str) -> list[tuple[object, ...]]:
    """What a query, a passage and a text without a role were sent with."""
    server.forget()
    for role in (Role.QUERY, Role.PASSAGE, Role.NONE):
        encoder.encode(["글"], role)
    return [tuple(request.get(key) for key in ("input", *keys)) for request in server.requests]


def test_a_field_can_tell_queries_from_passages(counting: EmbeddingServer) -> None:
    encoder = connect(counting, "tiny?input_type=search_query,search_document&dimensions=2", prompts=None)
    assert asked_by_role(counting, encoder, "model", "input_type", "dimensions") == [
        (["글"], "tiny", "search_query", 2),
        (["글"], "tiny", "search_document", 2),
        (["글"], "tiny", "search_document", 2),
    ]
    assert "adds its own prefixes" in encoder.info.note
    assert encoder.info.fingerprint != connect(counting, prompts=None).info.fingerprint


def test_a_server_that_is_told_the_role_is_asked_for_queries_and_passages_apart(counting: EmbeddingServer) -> None:
    encoder = connect(counting, "tiny?input_type=search_query,search_document", prompts=None)
    counting.forget()
    encoder.encode_both((["질의 1"], Role.QUERY), (["문단 2", "문단 3"], Role.PASSAGE))
    assert [(sorted(request["input"]), request["input_type"]) for request in counting.requests] == [
        (["질의 1"], "search_query"),
        (["문단 2", "문단 3"], "search_document"),
    ]


def test_two_names_can_tell_queries_from_passages(counting: EmbeddingServer) -> None:
    counting.models = [{"id": "e5-query"}, {"id": "e5-passage"}]
    encoder = connect(counting, "e5-query,e5-passage", prompts=None)
    assert asked_by_role(counting, encoder, "model") == [
        (["글"], "e5-query"),
        (["글"], "e5-passage"),
        (["글"], "e5-passage"),
    ]
    with pytest.raises(EndpointError, match="no model 'e5-document'"):
        connect(counting, "e5-query,e5-document")


def test_settings_can_tell_queries_from_passages(counting: EmbeddingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOE5_ENDPOINT_QUERY_BODY", '{"task": {"kind": "query, long"}}')
    monkeypatch.setenv("KOE5_ENDPOINT_PASSAGE_BODY", '{"truncate": "END"}')
    encoder = open_endpoint(f"endpoint:{counting.url}#tiny")
    assert asked_by_role(counting, encoder, "task", "truncate") == [
        (["글"], {"kind": "query, long"}, None),
        (["글"], None, "END"),
        (["글"], None, "END"),
    ]
    monkeypatch.delenv("KOE5_ENDPOINT_QUERY_BODY")
    monkeypatch.delenv("KOE5_ENDPOINT_PASSAGE_BODY")
    assert open_endpoint(model_address(encoder.info)).info == encoder.info


def test_a_server_that_adds_prefixes_gets_none_from_the_catalog_but_those_that_were_given(
    counting: EmbeddingServer,
) -> None:
    counting.embed = lambda texts: np.ones((len(texts), 1024))
    name = "koe5?input_type=query,passage"
    assert connect(counting, name, prompts=None).info.prompts == Prompts()
    assert connect(counting, name, prompts=PROMPTS).info.prompts == PROMPTS


@pytest.mark.parametrize(
    ("given", "name", "expected"),
    [
        (GivenPrompts(query_outside="q: "), "tiny", Prompts("q: ", "")),
        (GivenPrompts(query_outside="q: ", passage_outside="p: "), "koe5", CATALOG["koe5"].prompts),
        (GivenPrompts(query_outside="", passage_outside=""), "koe5", CATALOG["koe5"].prompts),
        (GivenPrompts(query="", query_outside="q: "), "koe5", Prompts("", "passage: ")),
    ],
)
def test_prompts_are_given_one_by_one_and_variables_leave_the_catalog_alone(
    counting: EmbeddingServer, given: GivenPrompts, name: str, expected: Prompts
) -> None:
    counting.embed = lambda texts: np.ones((len(texts), 1024))
    assert connect(counting, name, prompts=given).info.prompts == expected


# --- faults ----------------------------------------------------------------------------------------------------------


def test_a_server_that_is_busy_is_asked_again_when_it_says(
    counting: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = connect(counting)
    waited: list[float] = []
    counting.faults = [Fault(429, headers=(("Retry-After", "1"),))]
    monkeypatch.setattr("openai._base_client.time", SimpleNamespace(sleep=waited.append, time=time.time))
    encoder.encode(["글 5"], Role.NONE)
    assert waited == [1.0]
    assert len(counting.requests) == 2


def test_a_wait_longer_than_patience_is_told_and_not_waited(counting: EmbeddingServer) -> None:
    encoder = connect(counting)
    counting.always = Fault(429, headers=(("Retry-After", "3600"),))
    with pytest.raises(EndpointError, match="come back in 3,600 s"):
        encoder.encode(["글"], Role.NONE)
    assert len(counting.requests) == 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("2", 2.0), ("0.5", 0.5), ("", None), ("soon", None), ("inf", None), ("nan", None)],
)
def test_retry_after_is_read_as_seconds(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}) == seconds


def test_retry_after_is_read_as_a_date() -> None:
    seconds = retry_after({"retry-after": "Wed, 21 Oct 2099 07:28:00 GMT"})
    assert seconds is not None
    assert seconds > 1e9


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_fault_is_tried_again(server: EmbeddingServer, local: Encoder, status: int) -> None:
    encoder = connect(server)
    server.faults = [Fault(status), Fault(status)]
    vectors = encoder.encode(TEXTS, Role.QUERY).vectors
    np.testing.assert_allclose(vectors, local.encode(TEXTS, Role.QUERY).vectors, atol=1e-6)
    assert len(server.requests) == 3


def test_a_lasting_fault_is_given_up_after_the_tries(counting: EmbeddingServer) -> None:
    encoder = connect(counting)
    counting.always = Fault(500)
    with pytest.raises(EndpointError, match=r"HTTP 500, 4 tries: told to fail"):
        encoder.encode(["글"], Role.NONE)
    assert len(counting.requests) == 4


@pytest.mark.parametrize(
    ("status", "words"),
    [(400, "HTTP 400: told to fail"), (404, "no model 'tiny'"), (413, "HTTP 413"), (403, "KOE5_ENDPOINT_KEY")],
)
def test_a_refusal_is_told_at_once(counting: EmbeddingServer, status: int, words: str) -> None:
    encoder = connect(counting)
    counting.always = Fault(status)
    with pytest.raises(EndpointError, match=words):
        encoder.encode(["글"], Role.NONE)
    assert len(counting.requests) == 1


def test_a_server_that_hangs_is_given_up(counting: EmbeddingServer) -> None:
    encoder = connect(counting, options=Options(timeout_s=0.2, retries=1))
    counting.always = Fault(hang_s=1.0)
    with pytest.raises(EndpointError, match=r"did not answer within 0.2 s \(2 tries\)"):
        encoder.encode(["글"], Role.NONE)


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(EndpointError, match="cannot be reached"):
        open_endpoint("endpoint:http://127.0.0.1:9", options=QUICK)


def test_an_answer_that_breaks_off_is_asked_for_again(server: EmbeddingServer, local: Encoder) -> None:
    encoder = connect(server)
    server.faults = [Fault(cut="stream")]
    vectors = encoder.encode(TEXTS, Role.QUERY).vectors
    np.testing.assert_allclose(vectors, local.encode(TEXTS, Role.QUERY).vectors, atol=1e-6)


def without_last(answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "data": answer["data"][:-1]}


def with_entry(key: str, value: object) -> Any:
    def tamper(answer: dict[str, Any]) -> dict[str, Any]:
        answer["data"][0][key] = value
        return answer

    return tamper


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(cut="body"), "it is no JSON"),
        (Fault(tamper=lambda _: []), "it has no list `data`"),
        (Fault(tamper=lambda _: {"data": None}), "it has no list `data`"),
        (Fault(tamper=without_last), "was sent 3 texts and gave 2 vectors"),
        (Fault(tamper=with_entry("index", 1)), "indices repeat or are missing"),
        (Fault(tamper=with_entry("index", "0")), "indices repeat|no index"),
        (Fault(tamper=with_entry("index", None)), "no index"),
        (Fault(tamper=with_entry("index", 99)), "indices repeat or are missing"),
        (Fault(tamper=lambda answer: {"data": [1] * len(answer["data"])}), "no index or no embedding"),
        (Fault(tamper=with_entry("embedding", [1.0, 2.0, 3.0])), "2, 3 dimensions"),
        (Fault(tamper=with_entry("embedding", [])), "0, 2 dimensions"),
        (Fault(tamper=with_entry("embedding", [float("nan"), 1.0])), "1 vectors .* NaN"),
        (Fault(tamper=with_entry("embedding", [None, 1.0])), "1 vectors .* NaN"),
        (Fault(tamper=with_entry("embedding", [1e300, 1.0])), "1 vectors .* infinity"),
        (Fault(tamper=with_entry("embedding", [0.0, 0.0])), "1 vectors .* zero"),
        (Fault(tamper=with_entry("embedding", [[1.0], [2.0]])), "no embedding"),
        (Fault(tamper=with_entry("embedding", "not base64")), "no embedding"),
        (Fault(tamper=with_entry("embedding", "AAAA")), "no embedding"),
        (Fault(tamper=with_entry("embedding", {"a": 1})), "no embedding"),
    ],
)
def test_a_wrong_answer_is_refused_with_its_reason(counting: EmbeddingServer, fault: Fault, words: str) -> None:
    encoder = connect(counting)
    counting.always = fault
    with pytest.raises(EndpointError, match=words):
        encoder.encode(["글 1", "글 2", "글 3"], Role.NONE)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_told_and_not_followed(counting: EmbeddingServer, status: int) -> None:
    encoder = connect(counting)
    with serve_embeddings(lambda texts: np.ones((len(texts), 2))) as other:
        counting.always = Fault(status=status, headers=(("Location", f"{other.url}/v1/embeddings"),))
        counting.forget()
        with pytest.raises(EndpointError, match=f"{status}.*it points to {other.url}"):
            encoder.encode(["글"], Role.NONE)
        assert other.requests == []
    assert len(counting.requests) == 1


@pytest.mark.parametrize("status", [200, 503])
def test_an_endless_answer_is_read_no_further(counting: EmbeddingServer, status: int) -> None:
    encoder = connect(counting, options=Options(texts_per_request=1, retries=0))
    huge = "x" * 3_000_000
    counting.always = Fault(status=status, message=huge, tamper=lambda answer: {**answer, "padding": huge})
    with pytest.raises(EndpointError, match="larger than 1 MB"):
        encoder.encode(["글"], Role.NONE)


def test_a_compressed_answer_is_refused(counting: EmbeddingServer) -> None:
    encoder = connect(counting)
    counting.forget()
    counting.always = Fault(headers=(("Content-Encoding", "gzip"),))
    with pytest.raises(EndpointError, match=r"it is compressed \(gzip\)"):
        encoder.encode(["글"], Role.NONE)
    assert counting.headers[0]["accept-encoding"] == "identity"


def test_an_answer_that_drips_is_given_up(counting: EmbeddingServer) -> None:
    encoder = connect(counting, options=Options(timeout_s=5, retries=3, patience_s=0.3))
    counting.always = Fault(drip_s=0.02)
    counting.forget()
    with pytest.raises(EndpointError, match=r"did not answer within 0.3 s"):
        encoder.encode(["글"], Role.NONE)
    assert len(counting.requests) == 1


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_server_that_takes_few_texts_gets_few_and_is_not_asked_for_more_again(
    counting: EmbeddingServer, status: int
) -> None:
    counting.max_texts, counting.too_many = 10, status
    encoder = connect(counting)  # 16 probes
    texts = [f"글 {n}" for n in range(40)]
    assert numbers(encoder.encode(texts, Role.NONE).vectors) == list(range(40))
    # 16 probes were refused and went as 8 and 8: from then on 8 are sent.
    assert {len(request["input"]) for request in counting.requests} == {8}


def test_a_text_that_is_refused_for_itself_leaves_the_size_of_requests_alone(counting: EmbeddingServer) -> None:
    encoder = connect(counting)
    counting.max_texts = 0
    with pytest.raises(EndpointError, match="HTTP 400: batch size is invalid"):
        encoder.encode([f"글 {n}" for n in range(8)], Role.NONE)
    assert [len(request["input"]) for request in counting.requests] == [8, 4, 2, 1]
    counting.max_texts = 2_048
    counting.forget()
    encoder.encode([f"글 {n}" for n in range(8)], Role.NONE)
    assert [len(request["input"]) for request in counting.requests] == [8]


def test_the_size_of_requests_is_a_setting(counting: EmbeddingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOE5_ENDPOINT_BATCH", "3")
    monkeypatch.setenv("KOE5_ENDPOINT_TIMEOUT", "7.5")
    monkeypatch.setenv("KOE5_ENDPOINT_CONCURRENCY", "2")
    encoder = open_endpoint(f"endpoint:{counting.url}#tiny")
    options = encoder._server.options
    assert (options.texts_per_request, options.timeout_s, options.concurrency) == (3, 7.5, 2)
    assert max(len(request["input"]) for request in counting.requests) == 3
    monkeypatch.setenv("KOE5_ENDPOINT_BATCH", "many")
    with pytest.raises(SettingError, match="KOE5_ENDPOINT_BATCH"):
        open_endpoint(f"endpoint:{counting.url}#tiny")


def test_after_a_time_out_less_is_sent_and_one_request_at_a_time(counting: EmbeddingServer) -> None:
    encoder = connect(counting, options=Options(timeout_s=0.3, retries=3, concurrency=1))
    counting.patient_texts = 8
    texts = [f"글 {n}" for n in range(32)]
    assert numbers(encoder.encode(texts, Role.NONE).vectors) == list(range(32))
    assert [len(request["input"]) for request in counting.requests] == [32, 8, 8, 8, 8]


def test_less_is_asked_at_once_until_all_is_calm() -> None:
    pace = Pace(Options(texts_per_request=32, concurrency=3))
    pace.timed_out(32)
    assert (pace.texts, pace.width) == (8, 1)
    pace.timed_out(2)
    assert pace.texts == 1
    for _ in range(2 * CALM_AFTER):
        pace.answered()
    assert (pace.texts, pace.width) == (4, 3)
    pace.refused_above(3)
    for _ in range(10 * CALM_AFTER):
        pace.answered()
    assert (pace.texts, pace.width) == (3, 3)


def test_a_request_that_nobody_waits_for_is_not_sent_again(counting: EmbeddingServer) -> None:
    encoder = connect(counting)
    stop = threading.Event()
    counting.delay_s = lambda _n: stop.set() or 0.0
    counting.always = Fault(503)
    with pytest.raises(EndpointError):
        encoder._server.embed(["글"], Role.NONE, stop)
    assert len(counting.requests) == 1


def test_vectors_without_an_index_are_in_the_order_given(counting: EmbeddingServer) -> None:
    def without_index(answer: dict[str, Any]) -> dict[str, Any]:
        for item in answer["data"]:
            del item["index"]
        return answer

    counting.always = Fault(tamper=without_index)
    encoder = connect(counting)
    assert numbers(encoder.encode(["글 3", "글 1", "글 2"], Role.NONE).vectors) == [3, 1, 2]
    counting.always = Fault(tamper=lambda answer: without_last(without_index(answer)))
    with pytest.raises(EndpointError, match="was sent 3 texts and gave 2 vectors"):
        encoder.encode(["글 3", "글 1", "글 2"], Role.NONE)


def test_an_answer_without_index_and_with_total_tokens_alone_is_read() -> None:
    body = {"object": "list", "data": [{"embedding": [0.1, 0.2]}, {"embedding": [0.3, 0.1]}], "model": "m"}
    answer = read_answer(json.dumps({**body, "usage": {"total_tokens": 9}}).encode(), 2, "http://host")
    np.testing.assert_array_equal(answer.vectors, np.array([[0.1, 0.2], [0.3, 0.1]], dtype=np.float32))
    assert (answer.n_tokens, answer.model) == (9, "m")


def test_a_model_swapped_behind_the_server_is_noticed_by_its_answers(counting: EmbeddingServer) -> None:
    counting.answers_as = "first"
    cache = VectorCache(1_000_000)
    encoder = CachingEncoder(connect(counting), cache)
    encoder.encode(["글 3"], Role.NONE)
    counting.answers_as, counting.embed = "second", lambda texts: numbered(texts)[:, ::-1]
    with pytest.raises(EndpointError, match=r"has changed \(before: first, now: second\)"):
        encoder.encode(["글 3", "글 4"], Role.NONE)
    assert len(cache) == 1
    assert numbers(encoder.encode(["글 3"], Role.NONE).vectors) == [3]
    counting.answers_as, counting.embed = "first", numbered
    assert numbers(encoder.encode(["글 3", "글 4"], Role.NONE).vectors) == [3, 4]


def test_a_model_swapped_behind_the_server_is_noticed_by_the_list(counting: EmbeddingServer) -> None:
    counting.models = [{"id": "tiny", "root": "org/tiny"}]
    encoder = connect(counting, options=replace(QUICK, check_every_s=0))
    encoder.encode(["글"], Role.NONE)
    for models, found in (([{"id": "other"}], "other"), ([{"id": "tiny", "root": "org/new"}], "org/new")):
        counting.models = models
        with pytest.raises(EndpointError, match=rf"before: org/tiny, now: {found}"):
            encoder.encode(["글"], Role.NONE)
    counting.models = None  # a list that is not there for once tells nothing
    encoder.encode(["글"], Role.NONE)


def test_a_model_swapped_behind_the_server_is_noticed_by_a_probe(counting: EmbeddingServer) -> None:
    encoder = connect(counting, options=replace(QUICK, check_every_s=0))
    encoder.encode(["글"], Role.NONE)
    counting.embed = lambda texts: numbered(texts) * [1, -1]
    for _ in range(2):
        with pytest.raises(EndpointError, match=r"has changed .*now: cosine 0\.00"):
            encoder.encode(["글"], Role.NONE)
    counting.embed = numbered
    encoder.encode(["글"], Role.NONE)


def test_between_two_checks_nothing_more_is_asked(counting: EmbeddingServer) -> None:
    connect(counting, options=replace(QUICK, check_every_s=1_000)).encode(["글"], Role.NONE)
    assert counting.texts == ["글"]


def test_a_model_swapped_behind_the_server_is_noticed_by_its_width(counting: EmbeddingServer) -> None:
    encoder = connect(counting)
    counting.embed = lambda texts: np.ones((len(texts), 5))
    with pytest.raises(EndpointError, match="5 dimensions instead of 2"):
        encoder.encode(["글"], Role.NONE)


def test_every_fault_is_told_in_both_languages(counting: EmbeddingServer) -> None:
    encoder = connect(counting)
    for fault in (Fault(500), Fault(401), Fault(404), Fault(400), Fault(429, headers=(("retry-after", "900"),))):
        counting.always = fault
        with pytest.raises(EndpointError) as caught:
            encoder.encode(["글"], Role.NONE)
        assert counting.url in caught.value.text(Language.KO)
        assert counting.url in caught.value.text(Language.EN)


# --- keys and addresses ----------------------------------------------------------------------------------------------


def test_the_key_comes_from_the_environment_and_opens_the_server(
    counting: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting.key = KEY
    with pytest.raises(EndpointError, match="KOE5_ENDPOINT_KEY"):
        connect(counting)
    monkeypatch.setenv("KOE5_ENDPOINT_KEY", KEY)
    connect(counting).encode(["글"], Role.NONE)
    assert counting.headers[0]["authorization"] == f"Bearer {KEY}"


def test_the_key_is_in_no_log_error_record_or_export(
    counting: EmbeddingServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("KOE5_ENDPOINT_KEY", KEY)
    counting.key = KEY
    encoder = connect(counting)
    shown = [repr(encoder), repr(vars(encoder)), repr(encoder._server), json.dumps(asdict(encoder.info))]
    result = rank_all(RankingRequest(["수도"], ["글 1", "글 2"]), encoder)
    shown.append(exports.to_json(exports.ranking_json(result)))
    shown.append(exports.ranking_csv(result))
    counting.key = "another"
    with pytest.raises(EndpointError) as caught:
        encoder.encode(["아무도 모르는 글"], Role.NONE)
    shown += [str(caught.value), repr(caught.value.values), caught.value.text(Language.KO)]
    counting.key, counting.always = "", Fault(400, message=f"do not use {KEY} here")
    with pytest.raises(EndpointError, match=r"do not use \*\*\* here") as caught:
        encoder.encode(["글"], Role.NONE)
    shown += [str(caught.value), caplog.text]
    assert not [text for text in shown if KEY in text]
    assert "아무도 모르는 글" not in caplog.text


def test_a_key_of_the_client_for_another_service_is_never_sent(
    counting: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "not-for-you")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    connect(counting).encode(["글"], Role.NONE)
    assert "authorization" not in counting.headers[0]
    assert "not-for-you" not in str(counting.headers)


def test_user_name_and_password_are_used_and_never_shown(counting: EmbeddingServer) -> None:
    url = counting.url.replace("http://", "http://me:p%40ss@")
    encoder = open_endpoint(f"endpoint:{url}#tiny")
    # base64 of "me:p@ss"
    assert counting.headers[0]["authorization"] == "Basic bWU6cEBzcw=="
    bare = open_endpoint(f"endpoint:{counting.url}#tiny")
    assert encoder.info == bare.info
    counting.always = Fault(400, message="who is p@ss")
    with pytest.raises(EndpointError) as caught:
        encoder.encode(["글"], Role.NONE)
    assert not [text for text in (repr(parse_address(f"endpoint:{url}")), str(caught.value)) if "p@ss" in text]


@pytest.mark.parametrize(
    ("name", "url", "model"),
    [
        ("endpoint:http://host:8080", "http://host:8080/v1", ""),
        ("endpoint:https://host/#koe5", "https://host/v1", "koe5"),
        ("endpoint:http://host/v1/#a/b", "http://host/v1", "a/b"),
        ("endpoint:http://host:7997/embeddings", "http://host:7997", ""),
        ("endpoint:http://host/v3/embeddings#x", "http://host/v3", "x"),
        ("endpoint:http://[::1]:80/v1", "http://[::1]:80/v1", ""),
        ("endpoint:HTTP://me:pw@Host/v1", "http://host/v1", ""),
    ],
)
def test_addresses_are_read(name: str, url: str, model: str) -> None:
    address = parse_address(name)
    assert (address.url, address.name) == (url, model)


def test_names_and_fields_of_an_address_are_read() -> None:
    address = parse_address("endpoint:http://host#a/q,b/p?input_type=query,passage&dimensions=512&x=,%7B%22y%22%3A1%7D")
    assert (address.name, address.passage_name, address.tells_roles) == ("a/q", "b/p", True)
    assert address.query_body == {"input_type": "query", "dimensions": 512}
    assert address.passage_body == {"input_type": "passage", "dimensions": 512, "x": {"y": 1}}
    assert parse_address(f"endpoint:http://host#{address.model}") == address


@pytest.mark.parametrize("model", ["a,", ",b", "a?x", "a?=1", "a?x=1&"])
def test_broken_names_and_fields_are_refused(model: str) -> None:
    with pytest.raises(EndpointError, match="cannot be used"):
        parse_address(f"endpoint:http://host#{model}")


@pytest.mark.parametrize(
    "address",
    ["", "host:80", "ftp://host", "file:///etc/passwd", "http://", "http://host:99999", "http://a b/", "http://h/?k=1",
     "http://[::1", "http://me:secret@host/?k", "http://me:a/secret@host", "me:secret@host", "javascript:alert(1)", "http://ho\nst/"],
)  # fmt: skip
def test_bad_addresses_are_refused_without_showing_a_password(address: str) -> None:
    with pytest.raises(EndpointError) as caught:
        parse_address(f"endpoint:{address}")
    assert "secret" not in str(caught.value)


def test_a_name_is_shown_without_password() -> None:
    assert shown_name("endpoint:http://me:secret@host/v1#m@x") == "endpoint:http://host/v1#m@x"
    assert shown_name("endpoint:http://me:a/secret@host") == "endpoint:http://host"
    assert shown_name("endpoint:http://host/v1#m@x") == "endpoint:http://host/v1#m@x"
    assert shown_name("koe5") == "koe5"


@pytest.mark.parametrize("key", ["열쇠-비밀", "secret\nkey"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("KOE5_ENDPOINT_KEY", key)
    with pytest.raises(EndpointError, match="KOE5_ENDPOINT_KEY") as caught:
        open_endpoint("endpoint:http://127.0.0.1:9")
    assert key not in str(caught.value)


def test_without_the_package_the_pip_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openai", None)
    with pytest.raises(MissingExtraError, match=r"pip install -r requirements-endpoint.txt .*koe5-demo\[endpoint\]"):
        open_endpoint("endpoint:http://127.0.0.1:9")


# --- the same scores elsewhere ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tiny", "tiny,tiny?input_type=query,passage"])
def test_the_code_for_the_same_scores_runs_against_the_server_and_prints_them(
    server: EmbeddingServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KOE5_ENDPOINT_KEY", KEY)
    server.key, server.max_texts = KEY, 10
    encoder = connect(server, name)
    queries, passages = ["수도", 'query: "따옴표"\n'], [*TEXTS, *TEXTS]
    result = rank_all(RankingRequest(queries, passages), encoder)
    code = exports.snippet(result)
    assert KEY not in code
    assert code == exports.endpoint_code(encoder.info, queries, passages)
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    scores = np.array(json.loads(",".join(printed.replace("[", " [").split()).replace("[,", "[")))
    np.testing.assert_allclose(scores, result.comparison.scores, atol=1e-4)


def test_a_server_is_opened_again_by_the_name_that_is_told(counting: EmbeddingServer) -> None:
    encoder = connect(counting, "tiny?dimensions=2&text=a%2Cb")
    (name,) = shlex.split(exports.model_option(encoder.info))  # as the hint to calibrate prints it
    assert open_endpoint(name, prompts=PROMPTS, options=QUICK).info == encoder.info
    unnamed = open_endpoint(f"endpoint:{counting.url}")
    assert open_endpoint(model_address(unnamed.info)).info.device == unnamed.info.device


# --- anything --------------------------------------------------------------------------------------------------------

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ENTRY = st.fixed_dictionaries(
    {}, optional={"index": ANY_JSON | st.integers(0, 2), "embedding": ANY_JSON | st.lists(st.floats(), max_size=3)}
)
ANY_ANSWER = ANY_JSON | st.fixed_dictionaries(
    {"data": ANY_JSON | st.lists(ENTRY | ANY_JSON, max_size=3)}, optional={"usage": ANY_JSON, "model": ANY_JSON}
)
MANY = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@MANY
@given(ANY_ANSWER.map(lambda body: json.dumps(body).encode()) | st.binary(max_size=60), st.integers(1, 3))
def test_any_answer_is_vectors_or_an_endpoint_error(content: bytes, n: int) -> None:
    try:
        answer = read_answer(content, n, "http://host")
    except EndpointError:
        return
    assert answer.vectors.shape[0] == n
    assert np.isfinite(answer.vectors).all()


@pytest.mark.parametrize(
    "content",
    [b'{"data": [{"embedding": [' + b"9" * 5_000 + b"]}]}", b"[" * 100_000, b'{"data": [{"index": ' + b"9" * 5_000 + b"}]}"],
    ids=["long number", "deep", "long index"],
)  # fmt: skip
def test_numbers_without_end_and_depths_without_end_are_an_endpoint_error(content: bytes) -> None:
    with pytest.raises(EndpointError):
        read_answer(content, 1, "http://host")


@MANY
@given(st.text(max_size=40) | st.from_regex(r"(a|b,c)?(\?[xy]=[a-z0-9{}\":,%]*(&[xy]=[^&]*)?)?", fullmatch=True))
def test_any_model_of_an_address_is_read_and_written_again_or_refused(model: str) -> None:
    try:
        address = parse_address(f"endpoint:http://host#{model}")
    except EndpointError:
        return
    assert parse_address(f"endpoint:http://host#{address.model}") == address
