"""Train the embedded model from pairs: vocabulary, lexical weights, distillation, contrast, packing.

1. The most frequent n-grams of the data's words become the rows of the learned table; inverse document frequencies
   become the starting weights of the lexical half.
2. With a teacher, the semantic half learns to reproduce its vectors of short texts.
3. Both halves learn together to find each query's passage among the batch's, while the semantic half keeps
   matching the teacher.
4. The table is rounded to a few bits a weight and written as a folder that `SentenceTransformer` loads.

Everything random comes from the recipe's seed; on one machine and thread count the result is the same bytes.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from koe5_demo.encoding.ngram import NgramEmbedding
from koe5_demo.encoding.ngram_lookup import NgramLookup
from koe5_demo.encoding.ngram_model import NgramConfig, NgramModel
from koe5_demo.encoding.ngram_weights import NgramWeights
from koe5_demo.records import OnProgress
from koe5_demo.training.mini_corpus import Taught, read_corpus
from koe5_demo.training.mini_data import Pairs, inverse_document_frequency, read_pairs
from koe5_demo.training.mini_dev import hold_out, measure
from koe5_demo.training.mini_model import MiniModel
from koe5_demo.training.mini_recipe import MiniRecipe
from koe5_demo.training.mini_teacher import open_teacher, remembered_vectors, teacher_texts
from koe5_demo.training.mini_trainer import Trainer

__all__ = ["MiniRecipe", "train_mini"]

PROMPTS = {"query": "query: ", "passage": "passage: "}


def train_mini(
    data_path: Path,
    output: Path,
    *,
    settings: MiniRecipe | None = None,
    teacher: Path | None = None,
    on_texts: OnProgress | None = None,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Train the embedded model and write it to a folder.

    Args:
        data_path: Parquet file with `query`, `passage` and, if it has them, `negative` and `source`.
        output: Folder to write; files of an earlier model in it are replaced.
        settings: The recipe; the shipped model's when None.
        teacher: ONNX sentence encoder (see `mini_teacher`); without one the similarity of sentences suffers most.
        on_texts: Called with (texts asked of the teacher, all of them).
        on_progress: Called with (steps done, all steps).

    Returns:
        What was done, ready for JSON: recipe, numbers of pairs, words, n-grams, teacher texts, losses, scores on what
        was held out, seconds.

    Raises:
        ValueError: If the data has no usable pairs or the teacher's width is not the recipe's.
    """
    recipe = settings or MiniRecipe()
    started = time.monotonic()
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    pairs, dev_sets = hold_out(read_pairs(data_path), recipe.held_out)
    lesson = _ask_teacher(pairs, teacher, recipe, rng, on_texts) if teacher else None
    corpus = read_corpus(pairs, lesson, recipe)
    idf = inverse_document_frequency(
        corpus.passage, corpus.lexical, corpus.n_words, bits=recipe.bucket_bits, sample=recipe.idf_passages, rng=rng
    )
    model = MiniModel(recipe, len(corpus.vocabulary), idf)
    trainer = Trainer(model, corpus, recipe, rng, on_progress)
    losses = [*trainer.warm_up(), *trainer.contrast()]
    written = write_mini(model, corpus.vocabulary, recipe, output)
    return {
        "recipe": asdict(recipe),
        "pairs": len(corpus.query),
        "words": corpus.n_words,
        "ngrams": len(corpus.vocabulary),
        "teacher_texts": len(corpus.lesson.texts) if corpus.lesson else 0,
        "learned_lexical_share": float(torch.sigmoid(model.lexical_logit.detach())),
        "losses": losses,
        "held_out": measure(written, dev_sets),
        "seconds": round(time.monotonic() - started, 1),
    }


def write_mini(model: MiniModel, vocabulary: list[str], recipe: MiniRecipe, output: Path) -> SentenceTransformer:
    """Round the trained weights and write the folder that `SentenceTransformer` loads; return the model as written."""
    weights = NgramWeights.from_floats(
        model.table.detach().numpy(), model.lexical_weights(recipe.lexical_trust), bits=recipe.weight_bits
    )
    shares = dict.fromkeys(PROMPTS, recipe.retrieval_share) | {"none": recipe.similarity_share}
    config = NgramConfig(recipe.lexical_dim, recipe.hashes, recipe.max_words, shares, PROMPTS)
    module = NgramEmbedding(NgramModel(NgramLookup(vocabulary), weights, config))
    prompts = PROMPTS | {"document": PROMPTS["passage"]}
    output.mkdir(parents=True, exist_ok=True)
    written: SentenceTransformer = SentenceTransformer(modules=[module], device="cpu", prompts=prompts)
    written.save(str(output), create_model_card=False)
    (output / "recipe.json").write_text(json.dumps(asdict(recipe), ensure_ascii=False, indent=2) + "\n", "utf-8")
    return written


def _ask_teacher(
    pairs: Pairs, teacher: Path, recipe: MiniRecipe, rng: np.random.Generator, on_texts: OnProgress | None
) -> Taught:
    texts, n_everyday = teacher_texts(
        pairs,
        max_chars=recipe.teacher_max_chars,
        n_sentences=recipe.teacher_sentences,
        n_words=recipe.teacher_words,
        rng=rng,
    )
    vectors = remembered_vectors(teacher, open_teacher(teacher), texts, on_progress=on_texts)
    if vectors.shape[1] != recipe.semantic_dim:
        raise ValueError(f"the teacher gives {vectors.shape[1]} numbers, the recipe wants {recipe.semantic_dim}")
    return Taught(texts, vectors, n_everyday)
