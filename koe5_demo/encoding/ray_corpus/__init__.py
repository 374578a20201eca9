"""Vectors of a very large corpus through Ray Data: parquet in, parquet out, resumable.

The input is cut into parts by file and row, the same each time; workers encode one part at a time and write it whole or
not at all, then a receipt with its row count and checksum. A part with a valid receipt is never computed again, so a
worker or the whole run may be killed at any moment: nothing is lost and nothing is there twice.

Every worker must see the input and output folders under the same paths. Knows no model: it is given a function that
opens one.

Output, for each part of the input `NAME.parquet` that begins at row R:
    NAME-R.parquet   id (the input's column or `NAME.parquet#row`), vector (dimensions x float32; null where the text is
                     blank), n_tokens (int64; 0 where blank)
    NAME-R.json      the receipt
"""

from __future__ import annotations

from koe5_demo.encoding.ray_corpus.job import CorpusJob, CorpusReport, Workers, sample
from koe5_demo.encoding.ray_corpus.running import encode_corpus

__all__ = ["CorpusJob", "CorpusReport", "Workers", "encode_corpus", "sample"]
