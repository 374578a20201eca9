"""A remote embedding server as an `Encoder`: any server that speaks OpenAI's `/v1/embeddings`.

The server sees texts with their prompts and gives vectors; everything else is done and checked here: prompts exactly
once, batches, order, counts, widths, lengths. The protocol tells neither the weights' revision nor how many tokens a
single text has, so the revision is a hash of probe vectors, and token counts are estimates unless the tokenizer of the
named model is on this machine; `info.note` says which.

The key is read from KOE5_ENDPOINT_KEY and goes into the Authorization header only: no record, message, log line or
fingerprint of this package holds it.
"""

from __future__ import annotations

from koe5_demo.encoding.endpoint.client import Options
from koe5_demo.encoding.endpoint.encoder import EndpointEncoder
from koe5_demo.encoding.endpoint.opening import KEY_VARIABLE, open_endpoint
from koe5_demo.encoding.endpoint.protocol import is_endpoint, model_address, parse_address, shown_name

__all__ = [
    "KEY_VARIABLE",
    "EndpointEncoder",
    "Options",
    "is_endpoint",
    "model_address",
    "open_endpoint",
    "parse_address",
    "shown_name",
]
