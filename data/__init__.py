"""Datasets and batching."""

from .dataset import Dataset, dataset
from .prefetch import prefetch
from .sources import digits, read_idx

__all__ = ["Dataset", "dataset", "digits", "prefetch", "read_idx"]
for _name in __all__:
    globals()[_name].__module__ = "dfdx.data"
