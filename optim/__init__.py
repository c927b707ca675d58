"""Optimizers, schedules and loss scaling."""

from .adam import Adam, AdamW
from .optimizer import L2, Decoupled, Optimizer, Schedule
from .sgd import Classic, Nesterov, Sgd

__all__ = ["Adam", "AdamW", "Classic", "Decoupled", "L2", "Nesterov", "Optimizer", "Schedule", "Sgd"]
for _name in __all__:
    if _name != "Schedule":
        globals()[_name].__module__ = "dfdx.optim"
