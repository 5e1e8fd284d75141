"""Data sets as training reads them: the manifest here, and in `stores` its pictures as batches."""

from s2f_utils.data.manifest import COLUMNS, SPLITS, DataError, Manifest, Row, read_manifest, terms_of

__all__ = ["COLUMNS", "SPLITS", "DataError", "Manifest", "Row", "read_manifest", "terms_of"]
