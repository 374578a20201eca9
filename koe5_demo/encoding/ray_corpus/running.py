"""Run a job with Ray's workers: each opens the model once and finishes one part after another."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from koe5_demo.encoding.ray_corpus.job import (
    CorpusJob,
    CorpusReport,
    Part,
    Receipt,
    Workers,
    cut_parts,
    receipt_from,
    usual_id_column,
)
from koe5_demo.encoding.ray_corpus.output_files import finish_part, require_all_rows
from koe5_demo.errors import DataError, DemoError, InputError, MissingExtraError
from koe5_demo.records import Encoder, OnProgress

OpenEncoder = Callable[[], Encoder]


def encode_corpus(
    job: CorpusJob,
    open_encoder: OpenEncoder,
    *,
    workers: Workers | None = None,
    on_progress: OnProgress | None = None,
) -> CorpusReport:
    """Encode a corpus with Ray's workers; run again, it goes on where it stopped.

    A worker that dies is replaced and its part computed again; parts that are finished are only checked.

    Args:
        job: What and where.
        open_encoder: Opens the model; called once in each worker, so it must be picklable.
        workers: What Ray is asked for.
        on_progress: Called with (rows done, rows in all).

    Raises:
        MissingExtraError: If Ray is not installed.
        InputError: If the input cannot be encoded.
        DataError: If a file is broken, the output belongs to another job or cannot be written, or workers fail.
    """
    wanted = workers or Workers()
    if wanted.count is not None and wanted.count < 1:
        raise InputError("corpus_bad_number", name="workers", value=wanted.count)
    ray = _ray(wanted)
    job = replace(job, source=job.source.resolve(), target=job.target.resolve())
    job = replace(job, id_column=job.id_column or usual_id_column(job.source))
    parts = cut_parts(job)
    job.target.mkdir(parents=True, exist_ok=True)
    n_all, n_done, n_skipped = sum(part.n_rows for part in parts), 0, 0
    receipts: dict[str, Receipt] = {}
    for row in _answers(ray, job, parts, open_encoder, wanted):
        receipt = _taken(row)
        receipts[receipt.part.name] = receipt
        n_skipped += bool(row["skipped"])
        n_done += receipt.part.n_rows
        if on_progress is not None:
            on_progress(n_done, n_all)
    require_all_rows(job, parts, receipts)
    first = receipts[parts[0].name]
    return CorpusReport(
        n_parts=len(parts),
        n_skipped=n_skipped,
        n_rows=n_all,
        n_blank=sum(receipt.n_blank for receipt in receipts.values()),
        n_truncated=sum(receipt.n_truncated for receipt in receipts.values()),
        dimensions=first.dimensions,
        model=first.model,
    )


class PartWorker:
    """What Ray runs in each worker: one model, one part after another.

    Args:
        job: What and where.
        open_encoder: Opens the model, at the first part.
    """

    def __init__(self, job: CorpusJob, open_encoder: OpenEncoder) -> None:
        self._job = job
        self._open_encoder = open_encoder
        self._encoder: Encoder | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Finish the parts of a batch; what a person should know comes back as an answer, other errors are raised."""
        answers = [self._answer(Part(**json.loads(str(part)))) for part in batch["part"]]
        return {name: np.array([answer[name] for answer in answers]) for name in ("receipt", "skipped", "error")}

    def _answer(self, part: Part) -> dict[str, object]:
        try:
            if self._encoder is None:
                self._encoder = self._open_encoder()
            receipt, skipped = finish_part(self._job, part, self._encoder)
        except DemoError as error:
            # Such an error does not survive pickling, and Ray would wrap it.
            told = json.dumps({"key": error.key, "values": error.values}, ensure_ascii=False, default=str)
            return {"receipt": "", "skipped": False, "error": told}
        return {"receipt": json.dumps(asdict(receipt), ensure_ascii=False), "skipped": skipped, "error": ""}


def _answers(
    ray: Any, job: CorpusJob, parts: Sequence[Part], open_encoder: OpenEncoder, workers: Workers
) -> Iterator[dict[str, Any]]:
    """Yield an answer for each part as it comes."""
    dataset = ray.data.from_items(
        [{"part": json.dumps(asdict(part), ensure_ascii=False)} for part in parts], override_num_blocks=len(parts)
    ).map_batches(
        PartWorker,
        fn_constructor_args=(job, open_encoder),
        batch_size=1,
        num_cpus=workers.cpus,
        num_gpus=workers.gpus,
        compute=ray.data.ActorPoolStrategy(size=min(_worker_count(ray, workers), len(parts))),
        max_restarts=-1,
        max_task_retries=-1,
    )
    try:
        yield from dataset.iter_rows()
    except ray.exceptions.RayTaskError:
        raise  # a bug of ours: it keeps its traceback
    except ray.exceptions.RayError as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1][:200]
        raise DataError("corpus_workers_failed", reason=reason) from error


def _taken(row: dict[str, Any]) -> Receipt:
    if row["error"]:
        told = json.loads(row["error"])
        raise DataError(told["key"], **told["values"])
    return receipt_from(json.loads(row["receipt"]))


def _worker_count(ray: Any, workers: Workers) -> int:
    if workers.count is not None:
        return workers.count
    have = ray.cluster_resources()
    if workers.gpus:
        return max(1, int(have.get("GPU", 0) / workers.gpus))
    return max(1, int(have.get("CPU", 1) / workers.cpus))


def _ray(workers: Workers) -> Any:
    # Ray reports its use to its makers unless it is told not to, and it looks at this when it is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingExtraError("missing_extra", package="ray", extra="ray") from error
    if not ray.is_initialized():
        ray.init(address=workers.address, include_dashboard=False, logging_level=logging.WARNING, log_to_driver=False)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    return ray
