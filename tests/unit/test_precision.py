import numpy as np
import pytest

from koe5_demo.encoding.fast.precision import Hardware, Precision, Verdict, candidates, judge, notice_of
from koe5_demo.encoding.probes import probes
from koe5_demo.records import Role
from koe5_demo.words import Language

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


def test_a_new_best_passage_fails_however_close():
    # cos 10 = 0.98481, cos 10.01 = 0.98478.
    verdict = judge(at_angles(0, 10, -10.01), at_angles(0, 10.01, -10), QUERY_FIRST)
    assert verdict.largest_move < 0.001
    assert verdict.n_changed == 1
    assert not verdict.passed


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
    assert [precision.value for precision in candidates(asked, hardware)] == expected


def test_the_notice_tells_the_numbers():
    text = notice_of(Precision.INT8, Verdict(0.0312, 2)).text(Language.EN)
    assert "int8" in text
    assert "0.0312" in text
    assert "2 queries" in text
