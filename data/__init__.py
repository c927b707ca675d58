"""Datasets and batching: `data.dataset(images, labels).shuffled(seed).batch_exact(32).collate().stack()`."""

from .dataset import Dataset, dataset
from .digits import digits
from .idx import mnist, read_idx
from .prefetch import prefetch

__all__ = ["Dataset", "dataset", "digits", "mnist", "prefetch", "read_idx"]
for _name in __all__:
    globals()[_name].__module__ = "dfdx.data"
