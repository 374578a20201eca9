"""Each place where the page leans on gradio's insides: these fail when gradio changes under one of them."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import logging
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from gradio import processing_utils, queueing, routes, state_holder
from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Queue
from gradio.state_holder import SessionState, StateHolder

from koe5_demo.edge.connections import Connections
from koe5_demo.ui import gradio_seams
from koe5_demo.ui.boundary import MODEL_QUEUE
from koe5_demo.ui.gradio_seams import share_places
from koe5_demo.ui.sessions import SessionRoom, weight


@pytest.fixture(autouse=True)
def gradio_as_it_was() -> Iterator[None]:
    """Undo what a seam changes in gradio's modules."""
    kept = (
        (state_holder, "SessionState", SessionState),
        (queueing, "traceback", traceback),
        (routes, "traceback", traceback),
        (processing_utils, "async_ssrf_protected_download", processing_utils.async_ssrf_protected_download),
        (processing_utils, "_check_allowed", processing_utils._check_allowed),
        (Queue, "push", Queue.push),
        (Queue, "get_events", Queue.get_events),
        (importlib.import_module("gradio.components.file"), "tempfile", tempfile),
        (importlib.import_module("gradio.components.upload_button"), "tempfile", tempfile),
    )
    yield
    for place, name, value in kept:
        setattr(place, name, value)


def process(page: gr.Blocks, function: int, inputs: list[Any], state: SessionState) -> list[Any]:
    """Run an event as gradio's routes do."""
    with ThreadPoolExecutor(1) as elsewhere:  # a browser test before this one leaves a loop running in this thread
        return elsewhere.submit(asyncio.run, page.process_api(page.fns[function], inputs, state)).result()["data"]


def page_that_keeps(value: Any) -> gr.Blocks:
    with gr.Blocks() as page:
        kept = gr.State(None)
        shown = gr.HTML()
        choice = gr.Dropdown(choices=["a"])
        text = gr.Textbox()
        gr.Button().click(lambda _: (value, "x" * 1_000_000, gr.update(choices=["b"])), text, [kept, shown, choice])
        gr.Button().click(lambda held, chosen: f"{held is None} {chosen}", [kept, choice], text)
    return page


def held_bytes(session: SessionState) -> int:
    return weight([session.state_data, session.config_values, vars(session).get("_state_ttl")])


@pytest.mark.slow
def test_no_stubs_for_editors_are_written_at_the_start() -> None:
    code = """
import ast, sys
parsed = []
parse = ast.parse
ast.parse = lambda code, *rest, **more: parsed.append(code) or parse(code, *rest, **more)
if "ours" in sys.argv:
    import koe5_demo.ui
import gradio
print(sum("class Textbox" in str(code) for code in parsed), gradio.Textbox.change is not None)
"""
    told = {how: subprocess.check_output([sys.executable, "-c", code, how], text=True) for how in ("ours", "plain")}
    assert told["ours"] == "0 True\n"
    assert told["plain"] != told["ours"], "gradio writes none any more: `koe5_demo.ui` needs no hook"


def test_a_session_holds_its_states_and_no_values_of_inputs_and_outputs() -> None:
    room = SessionRoom(10_000_000)
    gradio_seams.keep_sessions_light(room)
    page = page_that_keeps(np.zeros(1_000, np.float32))
    holder = StateHolder()
    holder.set_blocks(page)
    session = holder["one"]
    process(page, 0, ["y" * 1_000_000], session)
    assert 4_000 <= room.n_bytes < 10_000  # 1,000 float32
    assert held_bytes(session) < 10_000
    # What was updated is known to the next event: "b" is a choice by then.
    assert process(page, 1, [None, "b"], session) == ["False b"]


def test_what_was_let_go_is_as_if_it_had_never_been() -> None:
    room = SessionRoom(6_000)
    gradio_seams.keep_sessions_light(room)
    page = page_that_keeps(np.zeros(1_000, np.float32))
    holder = StateHolder()
    holder.set_blocks(page)
    for name in ("first", "second"):
        process(page, 0, [""], holder[name])
    assert process(page, 1, [None, "b"], holder["first"]) == ["True b"]
    assert process(page, 1, [None, "b"], holder["second"]) == ["False b"]
    holder.session_data.clear()
    assert room.n_bytes == 0


def test_gradio_prints_its_errors_through_the_module_that_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    gradio_seams.keep_texts_out_of_tracebacks()
    with caplog.at_level(logging.WARNING):
        try:
            raise ValueError("비밀의 글")  # noqa: TRY301
        except ValueError:
            queueing.traceback.print_exc()
            routes.traceback.print_exc()
    assert caplog.text.count("builtins.ValueError") == 2
    assert "비밀의 글" not in caplog.text.replace('raise ValueError("비밀의 글")', "")
    for module in (queueing, routes):
        source = Path(str(module.__file__)).read_text("utf-8")
        assert "traceback.print_exc()" in source
        assert "traceback.format_exc()" not in source


def file_page() -> gr.Blocks:
    with gr.Blocks() as page:
        file = gr.File()
        file.change(lambda path: path, file, gr.Textbox())
    return page


def test_an_address_in_place_of_a_file_is_refused_in_both_languages() -> None:
    gradio_seams.fetch_nothing()
    page = file_page()
    given = {"path": "http://93.184.216.34/a.csv", "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(gr.Error, match=r"올려 주세요.*fetches none from an address"):
        process(page, 0, [given], SessionState(page))


def test_a_file_that_is_gone_is_told_without_its_path(tmp_path: Path) -> None:
    gradio_seams.name_no_server_paths()
    page = file_page()
    page.has_launched = True
    given = {"path": str(tmp_path / "gone.csv"), "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(gr.Error, match="no longer on the server") as told:
        process(page, 0, [given], SessionState(page))
    assert str(tmp_path) not in told.value.message


def test_the_queue_reads_the_variables_that_keep_statistics_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRADIO_ANALYTICS_MAX_EVENTS", raising=False)
    monkeypatch.delenv("GRADIO_ANALYTICS_CACHE_FREQUENCY", raising=False)
    gradio_seams.keep_no_statistics()
    queue = Queue(live_updates=False, concurrency_count=1, update_intervals=1, max_size=1, blocks=gr.Blocks())
    assert (queue.ANALYTICS_MAX_EVENTS, queue.ANAYLTICS_CACHE_FREQUENCY) == (1, 10**9)


def test_the_endpoints_functions_are_the_ones_that_were_named() -> None:
    def rank(queries: list[str]) -> list[str]:
        """Order."""
        return queries

    with gr.Blocks() as page:
        gr.api(rank, api_name="rank")
        gr.Button().click(lambda: None)
    (function,) = gradio_seams.endpoint_functions(page, ("rank",)).values()
    assert function(["a"]) == ["a"]
    assert function.__doc__ == "Order."


def test_a_launched_pages_server_counts_its_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket
    import urllib.request

    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    with gr.Blocks(analytics_enabled=False) as page:
        gr.HTML("hello")
    page.launch(server_port=None, prevent_thread_lock=True, quiet=True, ssr_mode=False)
    try:
        connections = Connections(most_of_an_address=2)
        gradio_seams.guard_server(page, connections)
        address = ("127.0.0.1", int(page.server.config.port))
        silent = [socket.create_connection(address) for _ in range(5)]
        with urllib.request.urlopen(f"http://127.0.0.1:{address[1]}/config", timeout=20) as answer:
            assert answer.status == 200
        assert len(connections) <= 2
        silent[0].settimeout(20)
        assert silent[0].recv(1) == b""  # the one that was silent for longest gave way
        for line in silent:
            line.close()
    finally:
        page.close()


def page_with(queue: list[Any], running: int) -> Any:
    kinds = {MODEL_QUEUE: SimpleNamespace(queue=queue, current_concurrency=running)}
    return SimpleNamespace(_queue=SimpleNamespace(event_queue_per_concurrency_id=kinds))


def test_what_waits_or_runs_is_waited_for() -> None:
    assert gradio_seams.is_waited_for(page_with(["waiting"], 0), MODEL_QUEUE)
    assert gradio_seams.is_waited_for(page_with([], 1), MODEL_QUEUE)
    assert not gradio_seams.is_waited_for(page_with([], 0), MODEL_QUEUE)
    empty: Any = SimpleNamespace(_queue=SimpleNamespace(event_queue_per_concurrency_id={}))
    assert not gradio_seams.is_waited_for(empty, MODEL_QUEUE)


@pytest.fixture
def blocks() -> gr.Blocks:
    """A page with a ranking and a benchmark, whose queue nobody works on."""
    share_places(MODEL_QUEUE, behind_proxy=1, spares_this_machine=True)
    with gr.Blocks() as page:
        gr.api(lambda: 1, api_name="rank", concurrency_id=MODEL_QUEUE)
        gr.api(lambda: 1, api_name="benchmark", concurrency_id="benchmark-api", concurrency_limit=1)
    page.queue(max_size=64, default_concurrency_limit=4)
    return page


def push(page: gr.Blocks, function: int | None, visitor: str = "", peer: str = "127.0.0.1") -> str:
    headers = [(b"x-forwarded-for", visitor.encode())] if visitor else []
    request: Any = SimpleNamespace(scope={"client": (peer, 1), "headers": headers})
    body = PredictBodyInternal(data=[], fn_index=function, session_hash=f"s{visitor}")
    with ThreadPoolExecutor(1) as elsewhere:  # a browser test before this one leaves a loop running in this thread
        return elsewhere.submit(asyncio.run, page._queue.push(body, request, None)).result()[2]


def test_a_visitor_has_at_most_half_of_the_places(blocks: gr.Blocks) -> None:
    assert {push(blocks, 0, "9.9.9.1") for _ in range(32)} == {"success"}
    assert push(blocks, 0, "9.9.9.1") == "queue_full"
    assert push(blocks, 0, "6.6.6.6, 9.9.9.1") == "queue_full"  # what the visitor wrote before does not count
    assert push(blocks, 0, "9.9.9.2") == "success"
    assert {push(blocks, 0) for _ in range(31)} == {"success"}  # the machine itself is not counted
    assert push(blocks, 0) == "queue_full"  # all 64 are taken


def test_benchmarks_leave_half_of_the_places_to_rankings(blocks: gr.Blocks) -> None:
    assert {push(blocks, 1, f"9.9.9.{n}") for n in range(32)} == {"success"}
    assert push(blocks, 1, "9.9.9.99") == "queue_full"
    assert push(blocks, 0, "9.9.9.99") == "success"


def test_an_idle_queue_sleeps_as_long_as_it_is_told() -> None:
    slept: list[float] = []
    with gr.Blocks() as page:
        gr.api(lambda: 1, api_name="rank")
    page.queue()
    gradio_seams.look_for_work_calmly(page)

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        page._queue.stopped = True

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as elsewhere:
        patch.setattr(queueing.asyncio, "sleep", sleep)
        elsewhere.submit(asyncio.run, page._queue.start_processing()).result()
    assert slept == [gradio_seams.LOOKS_FOR_WORK_EVERY_S]


def turns(page: gr.Blocks, done: Sequence[str] = ()) -> list[str]:
    """Let begin what may, and tell whose it was; before that, what ran for `done` is over."""
    queue = page._queue
    for visitor in done:
        place = next(n for n, job in enumerate(queue.active_jobs) if job and visitor in job[0].session_hash)
        queue.event_queue_per_concurrency_id[queue.active_jobs[place][0].concurrency_id].current_concurrency -= 1
        queue.active_jobs[place] = None
    begun = []
    while (found := queue.get_events()) is not None:
        events, is_batch, kind = found
        assert not is_batch
        queue.active_jobs[queue.active_jobs.index(None)] = events
        queue.event_queue_per_concurrency_id[kind].current_concurrency += 1
        begun.append(events[0].session_hash.removeprefix("s"))
    return begun


def test_half_of_what_runs_is_one_visitors_at_most_and_the_turn_goes_round(blocks: gr.Blocks) -> None:
    blocks._queue.active_jobs = [None] * 40  # as when the queue has started
    for _ in range(5):
        push(blocks, 0, "9.9.9.1")
    assert turns(blocks) == ["9.9.9.1", "9.9.9.1"]  # of four places
    for visitor in ("9.9.9.1", "9.9.9.2", "9.9.9.2", "9.9.9.3", "9.9.9.4"):
        push(blocks, 0, visitor)
    assert turns(blocks) == ["9.9.9.2", "9.9.9.3"]
    assert turns(blocks, done=["9.9.9.1", "9.9.9.3"]) == ["9.9.9.4", "9.9.9.1"]  # the second of .2 came after
    assert turns(blocks, done=["9.9.9.2", "9.9.9.4"]) == ["9.9.9.2"]
    assert turns(blocks, done=["9.9.9.1", "9.9.9.1"]) == ["9.9.9.1", "9.9.9.1"]


def test_the_machine_itself_takes_all_places_first_come_first_served(blocks: gr.Blocks) -> None:
    blocks._queue.active_jobs = [None] * 40
    for _ in range(6):
        push(blocks, 0)
    assert turns(blocks) == ["", "", "", ""]


def test_a_kind_of_which_one_runs_at_a_time_runs_for_everybody(blocks: gr.Blocks) -> None:
    blocks._queue.active_jobs = [None] * 40
    push(blocks, 1, "9.9.9.1")
    push(blocks, 1, "9.9.9.2")
    assert turns(blocks) == ["9.9.9.1"]
    assert turns(blocks, done=["9.9.9.1"]) == ["9.9.9.2"]


def test_a_function_that_is_not_there_is_left_to_gradio(blocks: gr.Blocks) -> None:
    assert push(blocks, None, "9.9.9.1") == "error"


def test_what_waits_in_a_real_queue_is_waited_for(blocks: gr.Blocks) -> None:
    assert not gradio_seams.is_waited_for(blocks, MODEL_QUEUE)
    push(blocks, 0, "9.9.9.1")
    assert gradio_seams.is_waited_for(blocks, MODEL_QUEUE)
    event_id = blocks._queue.event_queue_per_concurrency_id[MODEL_QUEUE].queue[0]._id
    assert blocks._queue.event_ids_to_events[event_id].alive


@pytest.mark.parametrize("component", [gr.File, gr.UploadButton])
def test_an_upload_lies_where_it_was_put_and_nowhere_else(
    component: type[gr.File | gr.UploadButton], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", "as it was")  # undone after the test
    gradio_seams.keep_uploads_in(tmp_path)
    gradio_seams.leave_no_empty_files()
    with gr.Blocks() as page:
        upload, text = component(), gr.Textbox()
        upload.upload(lambda path: Path(path).read_text("utf-8"), upload, text)
    place = tmp_path / hashlib.sha256(b"texts").hexdigest()
    place.mkdir()
    (place / "a.txt").write_text("texts", "utf-8")
    sent = {"path": str(place / "a.txt"), "meta": {"_type": "gradio.FileData"}}
    for _ in range(2):
        assert process(page, 0, [sent], SessionState(page)) == ["texts"]
    files = [file.relative_to(tmp_path).parts[-1] for file in tmp_path.rglob("*") if file.is_file()]
    assert files == ["a.txt"]
    assert str(tmp_path) == page.GRADIO_CACHE
