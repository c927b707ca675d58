"""What people look at while training: progress, tables, curves, where the time goes."""

from .history import History, sparkline
from .profile import Profile, profile
from .progress import progress
from .table import Table

__all__ = ["History", "Profile", "Table", "profile", "progress", "sparkline"]
for _name in ("History", "Table", "progress", "sparkline"):
    globals()[_name].__module__ = "dfdx.utils"
