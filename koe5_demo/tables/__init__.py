"""The one reader of tables: CSV, TSV, JSONL, parquet, XLSX and text files as one frozen record of text.

Ranking, encoding, benchmark and training read files through here, so that a file which one of them reads the others
read too, and alike. Knows no models and no page.
"""

from koe5_demo.tables.reading import (
    KINDS,
    UPLOADED,
    file_kind,
    read_cells,
    read_file,
    read_pieces,
    read_table,
    sheet_names,
)
from koe5_demo.tables.record import Table, folded, text_of
from koe5_demo.tables.texts import Parsed, clean, compared, is_blank

__all__ = [
    "KINDS",
    "UPLOADED",
    "Parsed",
    "Table",
    "clean",
    "compared",
    "file_kind",
    "folded",
    "is_blank",
    "read_cells",
    "read_file",
    "read_pieces",
    "read_table",
    "sheet_names",
    "text_of",
]
