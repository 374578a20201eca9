"""The engines that are measured, each in a process of its own: its memory is then its own, and so are its threads."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import platform
import resource
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from koe5_demo.encoding.fast.threads import set_threads
from koe5_demo.records import Encoder, ModelInfo, Prompts, Role

ROOT = Path(__file__).resolve().parents[1]
MAX_TOKENS = 512
MEGABYTE = 1e6
OPENVINO_NAMES = {"fp32": "f32", "bf16": "bf16"}
MAXRSS_UNIT = 1 if platform.system() == "Darwin" else 1024
Encode = Callable[[list[str], int], np.ndarray]


@dataclass(frozen=True)
class Engine:
    """Something that encodes.

    Attributes:
        name: Of the code.
        dtype: fp32, bf16, int8 or auto.
        batch_sizes: What the caller may choose from; empty where the engine chooses by itself.
        needs: Packages without which it is left out.
    """

    name: str
    dtype: str
    batch_sizes: tuple[int, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Return the name and dtype in one."""
        return f"{self.name} {self.dtype}"

    @property
    def installed(self) -> bool:
        """Return whether it can run here."""
        return all(_is_there(module) for module in self.needs)


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of the package around it
        return False


ST = "sentence-transformers"
DEFAULT_BATCH = 32
TUNED_BATCHES = (1, 4)
BACKEND_BATCHES = (4,)
REFERENCE = Engine(ST, "fp32", (DEFAULT_BATCH, *TUNED_BATCHES))
ENGINES = (
    REFERENCE,
    Engine(ST, "bf16", (DEFAULT_BATCH, *TUNED_BATCHES)),
    Engine("padding-free", "fp32"),
    Engine("padding-free", "bf16"),
    Engine("padding-free", "int8"),
    Engine("auto", "auto"),
    Engine(f"{ST} onnx", "fp32", BACKEND_BATCHES, needs=("optimum.onnxruntime",)),
    Engine(f"{ST} openvino", "fp32", BACKEND_BATCHES, needs=("optimum.intel",)),
    Engine(f"{ST} openvino", "bf16", BACKEND_BATCHES, needs=("optimum.intel",)),
)


def plain_folder(model: Path, folder: Path) -> Path:
    """Return a model as a float32 sentence-transformers folder, which every peer reads; written on the first call."""
    stamp = max(int(path.stat().st_mtime) for path in model.iterdir())
    plain = folder / f"{model.name}-{stamp}"
    if not plain.is_dir():
        command = [sys.executable, "-m", "koe5_demo", "export", "--model", str(model), "--output", str(plain)]
        subprocess.run([*command, "--dtype", "float32"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return plain


class Worker:
    """An engine in its own process.

    Args:
        engine: What to load there.
        folder: The model.
        device: cpu, cuda.
        clock: "wall", or "cpu" for CPU seconds of a single thread.
    """

    def __init__(self, engine: Engine, folder: Path, device: str, clock: str = "wall") -> None:
        self.engine = engine
        self._pipe, theirs = multiprocessing.Pipe()
        spawn = multiprocessing.get_context("spawn")
        self._process = spawn.Process(target=_serve, args=(theirs, engine, str(folder), device, clock), daemon=True)
        self._process.start()
        theirs.close()  # so that the worker sees the end of the pipe if this process is stopped

    def ready(self) -> str | None:
        """Wait until the model is loaded; return why it cannot be, or None."""
        reason: str | None = self._pipe.recv()
        return reason

    def encode(self, texts: list[str], batch_size: int) -> tuple[float, np.ndarray]:
        """Return seconds and vectors."""
        self._pipe.send((texts, batch_size))
        seconds, vectors = self._pipe.recv()
        return seconds, vectors

    def stop(self) -> tuple[float, str]:
        """End the process; return its peak memory in MB and the dtype that it ran in."""
        self._pipe.send(None)
        peak_mb, dtype = self._pipe.recv()
        self._process.join()
        return peak_mb, dtype


def choose_clock(clock: str) -> Callable[[], float]:
    """Return the clock to measure with, and set the threads that it is right for.

    On a machine that others use, seconds of the wall measure the others. CPU seconds of one thread do not, but then
    nothing is said about how well two threads work together.
    """
    if clock == "wall":
        set_threads()
        return time.perf_counter
    os.environ["OMP_NUM_THREADS"] = "1"
    set_threads()
    return time.process_time


def _serve(pipe: Connection, engine: Engine, folder: str, device: str, clock: str) -> None:
    now = choose_clock(clock)
    try:
        encode, dtype = _load(engine, Path(folder), device)
    except Exception:  # noqa: BLE001 - the parent prints it and goes on with the others
        pipe.send(traceback.format_exc(limit=3))
        return
    pipe.send(None)
    while (job := _next_job(pipe)) is not None:
        start = now()
        vectors = encode(*job)
        pipe.send((now() - start, vectors))
    pipe.send((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT / MEGABYTE, dtype))


def _next_job(pipe: Connection) -> tuple[list[str], int] | None:
    try:
        job: tuple[list[str], int] | None = pipe.recv()
    except EOFError:  # the parent was stopped
        raise SystemExit from None
    return job


def _load(engine: Engine, folder: Path, device: str) -> tuple[Encode, str]:
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    from koe5_demo.encoding.fast import precision
    from koe5_demo.encoding.fast.choice import ModelFiles, open_fast
    from koe5_demo.encoding.fast.precision import STORED_AS, Precision, Verdict

    logging.disable_progress_bar()

    def load(dtype: torch.dtype = torch.float32) -> SentenceTransformer:
        return SentenceTransformer(str(folder), device=device, local_files_only=True, model_kwargs={"dtype": dtype})

    def describe(dimensions: int, *_: object) -> ModelInfo:
        return ModelInfo("bench", None, "", "", engine.dtype, device, dimensions, MAX_TOKENS, Prompts(), "")

    def peer(model: SentenceTransformer) -> Encode:
        return lambda texts, batch: model.encode(texts, batch_size=batch, normalize_embeddings=True)

    def ours(encoder: Encoder) -> Encode:
        return lambda texts, _: encoder.encode(texts, Role.NONE).vectors

    if engine.name in ("auto", "padding-free"):
        if engine.name == "padding-free":
            precision.judge = lambda *_: Verdict(0.0, 0)  # a row for each dtype, whatever the guard would say
        files = ModelFiles(folder, describe, lambda info: info)
        chosen = open_fast(files, device, dtype=engine.dtype)
        return ours(chosen), chosen.info.dtype
    if engine.name == ST:
        return peer(load(STORED_AS[Precision(engine.dtype)])), engine.dtype
    backend = engine.name.rsplit(" ", 1)[1]
    # Left to itself OpenVINO computes in bf16 where the processor can.
    options = {"ov_config": {"INFERENCE_PRECISION_HINT": OPENVINO_NAMES[engine.dtype]}} if backend == "openvino" else {}
    model = SentenceTransformer(
        str(folder), device=device, local_files_only=True, backend=backend, model_kwargs={"export": True, **options}
    )
    return peer(model), engine.dtype
