"""Run MTEB's own tasks with the letter-counting encoder, in a process of its own: arguments are an output file, and
result files to load with MTEB's class. The environment says which hub answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import mteb
import numpy as np
from mteb.models import ModelMeta
from mteb.models.abs_encoder import AbsEncoder
from mteb.results import TaskResult

from toy_encoder import letter_vectors


class Letters(AbsEncoder):
    """The letter counter as MTEB wants an encoder; records what texts it gets."""

    def __init__(self) -> None:
        self.mteb_model_meta = ModelMeta.create_empty({"name": "toy/letters", "revision": "1"})
        self.texts: list[str] = []

    def encode(self, inputs, *, task_metadata, hf_split, hf_subset, prompt_type=None, **_):
        texts = [text for batch in inputs for text in batch["text"]]
        self.texts += [f"{prompt_type.value}: {text}" for text in texts]
        return letter_vectors(texts).astype(np.float32)


def run(task: mteb.AbsTask) -> dict[str, object]:
    model = Letters()
    result = mteb.evaluate(model, task, cache=None, show_progress_bar=False)
    ((scores,),) = result.task_results[0].scores.values()
    return {"scores": scores, "texts": sorted(model.texts)}


def main(out: Path, saved: list[str]) -> None:
    tasks = [
        mteb.get_task("Ko-StrategyQA"),
        mteb.get_task("AutoRAGRetrieval"),
        mteb.get_task("PublicHealthQA", hf_subsets=["korean"]),
    ]
    answers = {task.metadata.name: run(task) for task in tasks}
    loaded = {}
    for path in saved:
        result = TaskResult.from_disk(Path(path))
        loaded[path] = {"task": result.task_name, "main_score": result.get_score(), "languages": result.languages}
    out.write_text(json.dumps({"tasks": answers, "loaded": loaded}, default=float))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
