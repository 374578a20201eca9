import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from koe5_demo.encoding.fast import speeds
from koe5_demo.encoding.fast.attention import ON_CPU
from koe5_demo.encoding.fast.dense import LAYOUTS, prepacking_works
from koe5_demo.encoding.fast.precision import Hardware, Precision, Verdict, candidates, detect, judge, notice_of
from koe5_demo.encoding.fast.speeds import Measured, Speed
from koe5_demo.encoding.probes import probes
from koe5_demo.records import Role
from koe5_demo.words import Language

NARROW, WIDE = 384, 1024
QUERY_FIRST = np.array([True, False, False])


def at_angles(*degrees):
    """Unit vectors in a plane: the cosine of two is that of the angle between them."""
    radians = np.deg2rad(np.array(degrees, dtype=np.float32))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def test_the_same_vectors_pass():
    vectors = at_angles(0, 10, 40)
    verdict = judge(vectors, vectors, QUERY_FIRST)
    assert verdict == Verdict(0.0, 0)
    assert verdict.passed


def test_a_cosine_that_moves_too_far_fails():
    # cos 40 = 0.7660, cos 42 = 0.7431: it moves by 0.0229, and the order stays.
    verdict = judge(at_angles(0, 10, 40), at_angles(0, 10, 42), QUERY_FIRST)
    assert verdict.n_changed == 0
    assert verdict.largest_move == pytest.approx(0.0229, abs=1e-3)
    assert not verdict.passed


def test_a_new_best_passage_fails_if_float32_holds_the_two_apart():
    # cos 10 = 0.9848, cos 10.5 = 0.9833: 0.0015 apart.
    verdict = judge(at_angles(0, 10, -10.5), at_angles(0, 10.5, -10), QUERY_FIRST)
    assert verdict.n_changed == 1
    assert not verdict.passed


def test_two_best_passages_that_show_the_same_three_digits_may_swap():
    # cos 10 = 0.98481, cos 10.01 = 0.98478.
    verdict = judge(at_angles(0, 10, -10.01), at_angles(0, 10.01, -10), QUERY_FIRST)
    assert verdict.largest_move < 0.001
    assert verdict.n_changed == 0
    assert verdict.passed


def test_a_swap_below_the_best_fails_if_float32_holds_them_apart():
    queries = np.array([True, False, False, False])
    # cos 30 = 0.8660, cos 30.3 = 0.8634: 0.0026 apart.
    verdict = judge(at_angles(0, 5, 30, -30.3), at_angles(0, 5, 30.3, -30), queries)
    assert verdict.n_changed == 1


def test_a_swap_of_tied_passages_below_the_best_passes():
    queries = np.array([True, False, False, False])
    # cos 30 = 0.86603, cos 30.05 = 0.86559: 0.0004 apart, less than the page shows.
    assert judge(at_angles(0, 5, 30, -30.05), at_angles(0, 5, 30.05, -30), queries).passed


def test_only_queries_rank():
    passages_only = np.array([False, False, False])
    assert judge(at_angles(0, 10, -10.01), at_angles(0, 10.01, -10), passages_only).n_changed == 0


def test_vectors_that_are_no_numbers_fail():
    broken = np.full((3, 2), np.nan, dtype=np.float32)
    assert not judge(at_angles(0, 10, 40), broken, QUERY_FIRST).passed


def test_there_are_sixteen_probes_of_varied_length():
    texts = probes()
    assert len(texts) == 16
    assert sum(probe.role is Role.QUERY for probe in texts) == 4
    assert min(len(probe.text) for probe in texts) < 15
    assert max(len(probe.text) for probe in texts) > 300


@pytest.mark.parametrize(
    ("asked", "hardware", "expected"),
    [
        ("auto", Hardware("cpu"), ["fp32"]),
        ("auto", Hardware("cpu", bf16=True), ["bf16", "fp32"]),
        ("auto", Hardware("cpu", bf16=True, int8=True), ["int8", "bf16", "fp32"]),
        ("auto", Hardware("cpu", int8=True), ["int8", "fp32"]),
        ("auto", Hardware("cuda", bf16=True, fp16=True), ["bf16", "fp32"]),
        ("auto", Hardware("cuda", fp16=True), ["fp16", "fp32"]),
        ("auto", Hardware("mps"), ["fp32"]),
        ("fp32", Hardware("cpu", bf16=True, int8=True), ["fp32"]),
        ("bf16", Hardware("cpu"), ["bf16", "fp32"]),
        ("int8", Hardware("cpu"), ["fp32"]),
    ],
)
def test_precisions_are_tried_fastest_first_and_end_with_float32(asked, hardware, expected):
    assert [precision.value for precision in candidates(asked, hardware, WIDE)] == expected


@pytest.mark.parametrize(
    ("asked", "width", "expected"),
    [("auto", WIDE, ["int8", "fp32"]), ("auto", NARROW, ["fp32"]), ("int8", NARROW, ["int8", "fp32"])],
)
def test_weights_of_7_bits_are_tried_at_a_width_that_bears_them_or_by_name(asked, width, expected):
    hardware = Hardware("cpu", int8=True, weights_of_7_bits=True)
    assert [precision.value for precision in candidates(asked, hardware, width)] == expected


HELD_TO_AVX2 = """
import json, torch
from dataclasses import asdict
from koe5_demo.encoding.fast.dense import Int8Dense
from koe5_demo.encoding.fast.precision import detect
layer = Int8Dense(torch.ones(32, 512), torch.zeros(32), gelu=False)
with torch.inference_mode():
    largest, mixed = layer(torch.ones(2, 512)), layer(torch.tensor([1.0, -0.5]).repeat(2, 256))
print(json.dumps([asdict(detect(torch.device("cpu"))), largest.unique().tolist(), mixed.unique().tolist()]))
"""


@pytest.mark.skipif(not detect(torch.device("cpu")).int8, reason="no int8 here")
def test_a_processor_held_to_avx2_emulates_no_16_bits_and_adds_up_int8_rightly():
    held = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
    done = subprocess.run(
        [sys.executable, "-c", HELD_TO_AVX2], env=os.environ | held, capture_output=True, text=True, check=True
    )
    hardware, largest, mixed = json.loads(done.stdout)
    expected = {"device": "cpu", "bf16": False, "fp16": False, "int8": True, "weights_of_7_bits": True}
    assert hardware == expected
    assert largest == pytest.approx([512], rel=1e-4)  # sums in 16 bits, cut off, would make it half as much
    assert mixed == pytest.approx([128], rel=0.02)


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ({"fp32": 10, "bf16": 20, "int8": 5}, ["int8", "fp32"]),  # bf16 in name only: emulated
        ({"fp32": 10, "bf16": 4, "int8": 6}, ["bf16", "int8", "fp32"]),
        ({"fp32": 10, "bf16": 9, "int8": 9.1}, ["bf16", "fp32"]),  # a tenth or nothing
        ({"fp32": 10, "bf16": 30, "int8": 40}, ["fp32"]),
    ],
)
def test_auto_tries_what_was_measured_to_be_faster_here(costs, expected):
    costs = {Precision(name): cost for name, cost in costs.items()}
    found = candidates("auto", Hardware("cpu", bf16=True, int8=True), WIDE, costs)
    assert [precision.value for precision in found] == expected


def test_an_arithmetic_that_the_processor_lacks_is_not_tried_whatever_was_measured():
    costs = {Precision.FP32: 10.0, Precision.BF16: 1.0}
    assert candidates("auto", Hardware("cpu"), WIDE, costs) == (Precision.FP32,)


# --- speeds ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def measured(monkeypatch):
    """What was measured, call by call, instead of a measurement: fp32 takes 10, bf16 takes 4."""
    calls = []
    made = {Precision.FP32: Speed("transposed", 10.0), Precision.BF16: Speed("prepacked", 4.0, "runs")}

    def measure(width, n_heads, precisions):
        calls.append((width, [precision.value for precision in precisions]))
        return Measured({precision: made[precision] for precision in precisions}, share=1.0)

    monkeypatch.setattr(speeds, "measure", measure)
    return calls


@pytest.mark.parametrize(("n_disturbed", "n_rounds"), [(0, 3), (5, 7)])
def test_what_a_busy_moment_made_slow_is_measured_again(monkeypatch, n_disturbed, n_rounds):
    # One way, one second a run; while others are at work a run takes 10, 9, 8, ... times as long.
    taken = [1.0 * (10 - n) for n in range(n_disturbed)]
    runs = []

    def seconds(run):
        runs.append(run)
        n = (len(runs) - 1) // 2
        return taken[n] if n < len(taken) else 1.0

    monkeypatch.setattr(speeds, "_seconds", seconds)
    way = (Precision.FP32, "plain")
    costs = speeds._least_seconds({way: (lambda: None, lambda: None)})
    assert costs == {way: 2.0}
    assert len(runs) == 2 * n_rounds


@pytest.mark.parametrize(
    ("prepacked", "plain", "fastest"), [(1.0, 0.96, "prepacked"), (1.0, 0.9, "plain"), (1.0, 2.0, "prepacked")]
)
def test_a_less_exact_way_must_win_by_more_than_chance(prepacked, plain, fastest):
    first, second = (Precision.BF16, "prepacked"), (Precision.BF16, "plain")
    assert speeds.clearly_fastest({first: prepacked, second: plain}) == (Precision.BF16, fastest)


@pytest.mark.skipif(not prepacking_works(torch.bfloat16), reason="this processor cannot lay out bfloat16")
def test_in_16_bits_gelu_sees_sums_that_were_not_rounded() -> None:
    assert list(speeds._layouts(Precision.BF16)) == ["prepacked"]
    assert list(speeds._layouts(Precision.FP32))[:2] == ["prepacked", "prepacked, then GELU"]


def test_speeds_are_measured_once_and_then_remembered(tmp_path, measured):
    file = tmp_path / "data" / "speeds.json"
    first = speeds.known_speeds(384, 12, [Precision.FP32], file)
    both = speeds.known_speeds(384, 12, [Precision.FP32, Precision.BF16], file)
    assert first == {Precision.FP32: Speed("transposed", 10.0)}
    assert both == {Precision.FP32: Speed("transposed", 10.0), Precision.BF16: Speed("prepacked", 4.0, "runs")}
    assert speeds.known_speeds(384, 12, [Precision.BF16], file) == {Precision.BF16: Speed("prepacked", 4.0, "runs")}
    assert measured == [(384, ["fp32"]), (384, ["bf16"])]


@pytest.mark.parametrize(("share", "n_measured"), [(1.0, 1), (0.9, 1), (0.5, 2)])
def test_what_was_measured_beside_a_busy_program_is_measured_again_the_next_time(
    tmp_path, monkeypatch, share, n_measured
):
    asked = []

    def measure(*_):
        asked.append(1)
        return Measured({Precision.FP32: Speed("plain", 10.0, "runs")}, share)

    monkeypatch.setattr(speeds, "measure", measure)
    for _ in range(2):
        found = speeds.known_speeds(384, 12, [Precision.FP32], tmp_path / "speeds.json")
        assert found == {Precision.FP32: Speed("plain", 10.0, "runs")}
    assert len(asked) == n_measured


def test_another_width_or_processor_is_measured_for_itself(tmp_path, measured, monkeypatch):
    file = tmp_path / "speeds.json"
    speeds.known_speeds(384, 12, [Precision.FP32], file)
    speeds.known_speeds(1024, 12, [Precision.FP32], file)
    monkeypatch.setattr(speeds, "_processor", lambda: "another")
    speeds.known_speeds(384, 12, [Precision.FP32], file)
    assert measured == [(384, ["fp32"]), (1024, ["fp32"]), (384, ["fp32"])]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"a": 1}',
        '{"a": {"fp32": ["sideways", 1, ""]}}',
        '{"a": {"fp32": ["plain", 1]}}',
        '{"a": {"fp99": ["plain", 1, ""]}}',
        "\x00",
    ],
)
def test_a_file_of_speeds_that_is_not_as_written_is_measured_anew(tmp_path, measured, content):
    file = tmp_path / "speeds.json"
    file.write_text(content)
    assert speeds.known_speeds(384, 12, [Precision.FP32], file) == {Precision.FP32: Speed("transposed", 10.0)}
    assert speeds.known_speeds(384, 12, [Precision.FP32], file) == {Precision.FP32: Speed("transposed", 10.0)}
    assert len(measured) == 1


def test_a_place_that_cannot_be_written_to_only_costs_the_measurement(tmp_path, measured):
    (tmp_path / "file").write_text("")
    for file in (None, tmp_path / "file" / "speeds.json"):
        assert speeds.known_speeds(384, 12, [Precision.FP32], file) == {Precision.FP32: Speed("transposed", 10.0)}
    assert len(measured) == 2


def test_a_measurement_names_a_layout_for_each_arithmetic():
    found = speeds.measure(64, 4, [Precision.FP32, Precision.BF16]).speeds
    assert set(found) == {Precision.FP32, Precision.BF16}
    assert all(speed.layout in LAYOUTS and speed.microseconds > 0 for speed in found.values())
    assert found[Precision.FP32].attend in ON_CPU
    assert found[Precision.BF16].attend in ON_CPU


def test_the_notice_tells_the_numbers():
    text = notice_of(Precision.INT8, Verdict(0.0312, 2)).text(Language.EN)
    assert "int8" in text
    assert "0.0312" in text
    assert "2 queries" in text
