"""What people look at while training: progress, tables, curves."""

from .history import History, sparkline
from .progress import progress
from .table import Table

__all__ = ["History", "Table", "progress", "sparkline"]
for _name in __all__:
    globals()[_name].__module__ = "dfdx.utils"
