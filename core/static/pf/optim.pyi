"""Written by `python tools/gen_stubs.py` (`make stubs`); do not edit."""
# mypy: disable-error-code="misc, overload-overlap, overload-cannot-match, type-var, override, type-arg, no-redef"
# pyright: reportOverlappingOverload=false, reportInvalidTypeVarUse=false
# ruff: noqa
import builtins
from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple
from typing_extensions import TypeVar
from . import Gradients

Schedule = Callable[[int], float]
Mo = TypeVar("Mo")

class Adam(Optimizer[Mo]):
    """Adaptive moments. Source: arXiv 1412.6980; PyTorch `optim.Adam`."""

    def __init__(self, model: Mo, lr: float | Schedule = ..., betas: tuple[float, float] = ..., eps: float = ..., weight_decay: L2 | Decoupled | None = ..., groups: Any = ...) -> None: ...

class AdamW(Adam[Mo]):
    """Adam with decoupled weight decay, 0.01 by default. Source: arXiv 1711.05101."""

    def __init__(self, model: Mo, lr: float | Schedule = ..., betas: tuple[float, float] = ..., eps: float = ..., weight_decay: float = ..., groups: Any = ...) -> None: ...

class Classic(NamedTuple):
    """Momentum: v becomes g + u v, the step is lr v."""

    u: float

class Decoupled(NamedTuple):
    """Weight decay beside the gradient: the step becomes step + lr decay p. Source: arXiv 1711.05101."""

    decay: float

class L2(NamedTuple):
    """Weight decay as a penalty: the gradient becomes g + decay p."""

    decay: float

class Nesterov(NamedTuple):
    """Nesterov momentum: v becomes g + u v, the step is lr (g + u v)."""

    u: float

class Optimizer(Generic[Mo]):
    """Base of all optimizers."""

    def __init__(self, model: Mo, *, lr: float | Schedule, weight_decay: L2 | Decoupled | None = ..., groups: Any = ..., **options: Any) -> None: ...
    slots: tuple[str, ...]
    n_numbers: int
    options: dict[str, Any]
    groups: dict[str, dict[str, Any]]
    state: dict[str, Any]
    step_count: int
    @property
    def lr(self) -> Any: ...
    @lr.setter
    def lr(self, value: float | Schedule) -> None: ...
    def rule(self, p: Any, g: Any, state: Any, numbers: Any, options: Any) -> Any: ...
    def numbers(self, lr: float, t: int, options: Any) -> tuple[float, ...]: ...
    def update(self, model: Mo, grads: Gradients, allow_unused: builtins.bool = ...) -> None: ...
    def save(self, path: Any) -> None: ...
    def load(self, path: Any) -> None: ...

class Sgd(Optimizer[Mo]):
    """p becomes p - lr g, with optional momentum. Source: PyTorch `optim.SGD`."""

    def __init__(self, model: Mo, lr: float | Schedule = ..., momentum: Classic | Nesterov | None = ..., weight_decay: L2 | Decoupled | None = ..., groups: Any = ...) -> None: ...
