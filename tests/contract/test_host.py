"""The models of a running page: who serves while a download runs, fails, or is done."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from conftest import use_hub
from doubles import WordCountEncoder
from hub_stand_in import HubStandIn
from koe5_demo import catalog
from koe5_demo.benchmark.live import RunChoice, run_choice
from koe5_demo.benchmark.result_files import find_results, load_result
from koe5_demo.benchmark.run import RunOptions
from koe5_demo.encoding import opening
from koe5_demo.encoding.cache import VectorCache
from koe5_demo.encoding.host import ModelHost, Phase
from koe5_demo.errors import EndpointError, ModelLoadError, UnknownModelError
from koe5_demo.ranking.examples import examples, rank_first_example
from koe5_demo.records import Encoded, Encoder, OnProgress, Role
from koe5_demo.settings import Settings
from koe5_demo.words import Language

PATIENCE = 20.0


@pytest.fixture(autouse=True)
def tiny_mini(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tiny model stand in for the embedded one: what is tested is who serves, not how well."""
    monkeypatch.setitem(catalog.CATALOG, "mini", dataclasses.replace(catalog.MINI, folder=tiny_folder))


def make_host(**changes: object) -> ModelHost:
    settings = dataclasses.replace(Settings(hub_timeout=1.0), **changes)  # type: ignore[arg-type]
    return ModelHost(settings, VectorCache(1_000_000), warm_up=rank_first_example)


def start(host: ModelHost) -> None:
    """As app.py does, without a page in between."""
    host.start()
    host.open_wanted()


def wait_for(host: ModelHost, name: str, *phases: Phase) -> None:
    end = time.monotonic() + PATIENCE
    while host.state(name).phase not in phases:
        assert time.monotonic() < end, host.state(name)
        time.sleep(0.01)


def test_the_embedded_model_serves_while_koe5_downloads_and_gives_way_when_it_is_ready(hub: HubStandIn) -> None:
    hub.delay = 0.05
    host = make_host()
    start(host)
    wait_for(host, "koe5", Phase.DOWNLOADING)
    assert host.serving == "mini"
    assert host.encoder("mini").encode(["서울"], Role.QUERY).vectors.shape == (1, 32)
    seen = set()
    while host.state("koe5").phase is Phase.DOWNLOADING:
        seen.add(host.state("koe5").done)
        time.sleep(0.005)
    assert len(seen) > 2
    wait_for(host, "koe5", Phase.READY)
    assert host.serving == "koe5"
    assert host.encoder("koe5").info.hub_id == "nlpai-lab/KoE5"


def test_an_unreachable_hub_leaves_the_embedded_model_serving_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_hub("http://127.0.0.1:9", tmp_path, monkeypatch)
    host = make_host()
    start(host)
    wait_for(host, "koe5", Phase.FAILED)
    assert host.serving == "mini"
    error = host.state("koe5").error
    assert error is not None
    assert error.key == "hub_unreachable"
    with pytest.raises(ModelLoadError):
        host.encoder("koe5")


def test_a_hanging_hub_does_not_hold_up_the_start(hub: HubStandIn) -> None:
    hub.fault = "hang"
    begun = time.monotonic()
    host = make_host(hub_timeout=3.0)
    start(host)
    assert time.monotonic() - begun < 10  # the promise of the page, not a measure of speed
    assert host.serving == "mini"


def test_a_failed_model_can_be_asked_for_again(hub: HubStandIn) -> None:
    hub.fault = "500"
    host = make_host()
    start(host)
    wait_for(host, "koe5", Phase.FAILED)
    hub.fault = None
    host.request("koe5").wait(PATIENCE)
    assert host.state("koe5").phase is Phase.READY


def test_a_model_folder_serves_as_soon_as_it_is_open_and_is_said_to_be_loading_until_then(tiny_folder: Path) -> None:
    host = make_host(model=str(tiny_folder))
    host.start()
    assert host.serving == "mini"
    assert host.state(str(tiny_folder)).phase is Phase.LOADING
    assert host.open_wanted().wait(PATIENCE)
    assert host.serving == str(tiny_folder)
    assert host.names[0] == str(tiny_folder)


def test_the_first_visitor_finds_the_first_example_computed() -> None:
    host = make_host(model="mini")
    start(host)
    first = examples()[0]
    encoder = host.encoder("mini")
    assert encoder.encode(first.queries, Role.QUERY).n_computed == 0
    assert encoder.encode(first.passages, Role.PASSAGE).n_computed == 0


def test_visitors_may_open_only_the_catalog_unless_the_operator_allows_more(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_hub("http://127.0.0.1:9", tmp_path, monkeypatch)
    with pytest.raises(UnknownModelError, match="KOE5_ALLOW_CUSTOM_MODELS"):
        make_host(model="mini").request(str(tiny_folder))
    host = make_host(model="mini", allow_custom_models=True)
    with pytest.raises(UnknownModelError, match="hub id"):  # folders are the server's
        host.request(str(tiny_folder))
    assert host.request("someone/else").wait(PATIENCE)
    assert host.state("someone/else").phase is Phase.FAILED


def test_the_least_used_model_is_let_go_and_the_embedded_one_never(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = make_host(model="mini", models_in_memory=2)
    start(host)
    for name in ("a", "b", "c"):
        monkeypatch.setitem(catalog.CATALOG, name, dataclasses.replace(catalog.MINI, id=name, folder=tiny_folder))
        if name == "c":
            host.encoder("a")  # used again, so b is the one to go
        host.request(name).wait(PATIENCE)
    phases = {name: host.state(name).phase for name in ("mini", "a", "b", "c")}
    assert phases == {"mini": Phase.READY, "a": Phase.READY, "b": Phase.ABSENT, "c": Phase.READY}


def test_a_benchmark_gets_float32_beside_the_page_and_what_else_it_asks_for(tiny_folder: Path) -> None:
    host = make_host(model=str(tiny_folder), dtype=None)
    host.request(str(tiny_folder)).wait(PATIENCE)
    serving = host.encoder(str(tiny_folder))
    assert host.exact_encoder(str(tiny_folder), "auto") is serving
    assert host.exact_encoder(str(tiny_folder)) is serving  # so small a model is float32 on the page too
    cheaper = host.exact_encoder(str(tiny_folder), "bf16")
    assert cheaper is not serving
    assert cheaper.info.dtype in ("bfloat16", "float32")  # the guard decides
    assert host.encoder(str(tiny_folder)) is serving


def test_who_asks_for_a_model_that_is_under_way_waits_for_the_same_end(hub: HubStandIn) -> None:
    hub.delay = 0.05
    host = make_host()
    host.start()
    began = host.open_wanted()
    assert not began.is_set()
    asked = host.request("koe5")  # a benchmark in the first minute
    assert asked is began
    assert asked.wait(PATIENCE)
    assert host.exact_encoder("koe5").info.hub_id == "nlpai-lab/KoE5"
    assert host.request("koe5").is_set()


def test_a_benchmark_that_begins_while_its_model_loads_waits_for_it(hub: HubStandIn, tmp_path: Path) -> None:
    host = make_host()
    start(host)
    options = RunOptions(output=tmp_path / "runs")
    *_, last = run_choice(RunChoice(("ours",), ("koe5",)), host, options)
    assert (last.n_done, last.failures) == (1, ())
    (saved,) = find_results(tmp_path / "runs")
    assert load_result(saved).model == "koe5"


def test_what_visitors_pick_never_unloads_the_operators_model(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("wanted", "a", "b", "c"):
        monkeypatch.setitem(catalog.CATALOG, name, dataclasses.replace(catalog.MINI, id=name, folder=tiny_folder))
    for models_in_memory in (1, 2):
        host = make_host(model="wanted", models_in_memory=models_in_memory)
        host.start()
        assert host.open_wanted().wait(PATIENCE)
        for name in ("a", "b", "c"):
            assert host.request(name).wait(PATIENCE)
        phases = {name: host.state(name).phase for name in ("mini", "wanted", "a", "b", "c")}
        ready = {name for name, phase in phases.items() if phase is Phase.READY}
        assert ready == {"mini", "wanted", "c"}
        assert host.serving == "wanted"
        assert host.answering().info.id == "wanted"
        assert host.answering().info.notices == ()


def test_another_model_than_the_wanted_one_says_so_when_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_hub("http://127.0.0.1:9", tmp_path, monkeypatch)
    host = make_host()
    start(host)
    wait_for(host, "koe5", Phase.FAILED)
    info = host.answering().info
    assert info.id == "mini"
    assert info.remarks(Language.EN) == "koe5 is not ready, so mini computed this."
    assert host.encoder("mini").info.notices == ()


def test_a_server_whose_model_was_swapped_is_opened_anew_after_one_clear_error(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    class Swapped(WordCountEncoder):
        def encode(self, texts: Sequence[str], role: Role, *, on_progress: OnProgress | None = None) -> Encoded:
            if texts == ["바뀜"]:
                raise EndpointError("endpoint_model_changed", url="http://a", before="e5", after="bge")
            return super().encode(texts, role, on_progress=on_progress)

    def open_model(name: str, *_: object, **__: object) -> Encoder:
        opened.append(name)
        return Swapped()

    monkeypatch.setattr(opening, "open_model", open_model)
    host = make_host(model="endpoint:http://a/v1#e5")
    start(host)
    wait_for(host, host.wanted, Phase.READY)
    with pytest.raises(EndpointError):
        host.answering().encode(["바뀜"], Role.QUERY)
    wait_for(host, host.wanted, Phase.READY)
    assert opened.count(host.wanted) == 2
    assert host.answering().encode(["서울"], Role.QUERY).n_tokens.shape == (1,)
