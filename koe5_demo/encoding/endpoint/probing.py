"""What a server makes of the built-in probe texts: the only sign of which weights it has."""

from __future__ import annotations

from hashlib import blake2b
from threading import Event

import numpy as np

from koe5_demo.encoding.endpoint.answer import Answer, unit_rows
from koe5_demo.encoding.endpoint.server import Server
from koe5_demo.encoding.probes import probes
from koe5_demo.errors import EndpointError
from koe5_demo.prompts import with_prompt
from koe5_demo.records import FloatArray, Prompts


def probe_server(server: Server, prompts: Prompts) -> Answer:
    """Return the unit vectors of the probe texts, and the tokens that the server counted for all of them.

    Raises:
        EndpointError: If the server cannot be reached, refuses, or answers wrongly.
    """
    sent = probe_texts(prompts)
    size = max(1, min(len(sent), server.options.texts_per_request))
    answers = [server.embed(sent[start : start + size], Event()) for start in range(0, len(sent), size)]
    widths = {answer.vectors.shape[1] for answer in answers}
    if len(widths) != 1:
        found = ", ".join(map(str, sorted(widths)))
        expected = answers[0].vectors.shape[1]
        raise EndpointError("endpoint_wrong_dimensions", url=server.url, expected=expected, found=found)
    counts = [answer.n_tokens for answer in answers]
    vectors = unit_rows(np.concatenate([answer.vectors for answer in answers]))
    return Answer(vectors, sum(counts) if all(counts) else 0)


def probe_texts(prompts: Prompts) -> list[str]:
    """Return the probe texts as they are sent."""
    return [with_prompt(probe.text, probe.role, prompts) for probe in probes()]


def probe_hash(vectors: FloatArray) -> str:
    """Return 40 digits for what the server makes of the probe texts.

    Signs are kept rather than numbers: on a GPU the last digits depend on who else is asking, and vectors would be
    computed again after each start. A training step, other arithmetic or another prompt turns some of the thousands
    of signs.
    """
    return blake2b(np.packbits(vectors > 0).tobytes(), digest_size=20).hexdigest()
