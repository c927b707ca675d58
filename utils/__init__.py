"""What people look at while training: progress, tables, curves."""

from .history import History, sparkline
from .progress import progress

__all__ = ["History", "progress", "sparkline"]
for _name in __all__:
    globals()[_name].__module__ = "dfdx.utils"
