"""Vectors that were made elsewhere, or go elsewhere: clip-retrieval's layout, in and out.

A folder holds ``img_emb/img_emb_0.npy`` (and ``text_emb/text_emb_0.npy``), float16 or float32
(rows, dim), beside ``metadata/metadata_0.parquet`` with a row a vector
(https://github.com/rom1504/clip-retrieval; autofaiss and embedding-reader read the same).
"""

from __future__ import annotations

from ingest.embeddings.exporting import export_embeddings
from ingest.embeddings.importing import Importing, check_model, import_embeddings
from ingest.embeddings.layout import find_shards, read_card

__all__ = [
    "Importing",
    "check_model",
    "export_embeddings",
    "find_shards",
    "import_embeddings",
    "read_card",
]
