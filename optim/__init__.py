"""Optimizers, schedules and loss scaling."""

from ..core.docs import add_examples
from .adagrad import Adagrad, RMSprop
from .adam import Adam, AdamW, Lamb, Lion
from .examples import EXAMPLES
from .optimizer import Optimizer
from .options import L2, Decoupled
from .scaler import LossScaler
from .schedules import Constant, Cosine, OneCycle, Schedule, StepDecay, WarmUp
from .sgd import Classic, Nesterov, Sgd

__all__ = [
    "Adagrad", "Adam", "AdamW", "Classic", "Constant", "Cosine", "Decoupled", "L2", "Lamb", "Lion", "LossScaler", "Nesterov",
    "OneCycle", "Optimizer", "RMSprop", "Schedule", "Sgd", "StepDecay", "WarmUp",
]  # fmt: skip
for _name in __all__:
    if _name != "Schedule":
        globals()[_name].__module__ = "dfdx.optim"
add_examples(globals(), EXAMPLES, "from dfdx import nn, optim")
