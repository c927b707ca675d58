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

class Adagrad(Optimizer[Mo]):
    """s becomes s + g^2, the step is lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps). Source: PyTorch `optim.Adagrad`."""

    def __init__(self, model: Mo, lr: float | Schedule = ..., lr_decay: float = ..., initial: float = ..., eps: float = ..., weight_decay: L2 | Decoupled | None = ..., groups: Any = ...) -> None: ...

class Adam(Optimizer[Mo]):
    """Adaptive moments. Source: arXiv 1412.6980; PyTorch `optim.Adam`."""

    def __init__(self, model: Mo, lr: float | Schedule = ..., betas: tuple[float, float] = ..., eps: float = ..., weight_decay: L2 | Decoupled | None = ..., groups: Any = ...) -> None: ...

class AdamW(Adam[Mo]):
    """Adam with decoupled weight decay, 0.01 by default. Source: arXiv 1711.05101; PyTorch `optim.AdamW`."""

    def __init__(self, model: Mo, lr: float | Schedule = ..., betas: tuple[float, float] = ..., eps: float = ..., weight_decay: Any = ..., groups: Any = ...) -> None: ...

class Classic(NamedTuple):
    """Momentum: v becomes g + u v, the step is lr v."""

    u: float

class Constant:
    def __call__(self, step: int) -> float: ...
    def __init__(self, lr: float) -> None: ...
    def __getattr__(self, name: str) -> Any: ...

class Cosine:
    def __call__(self, step: int) -> float: ...
    def __init__(self, lr: float, steps: int, final: float = ...) -> None: ...
    def __getattr__(self, name: str) -> Any: ...

class Decoupled(NamedTuple):
    """Weight decay beside the gradient: the step becomes step + lr decay p. Source: arXiv 1711.05101."""

    decay: float

class L2(NamedTuple):
    """Weight decay as a penalty: the gradient becomes g + decay p."""

    decay: float

class Lamb(AdamW[Mo]):
    """AdamW whose step is scaled, for each parameter, to the parameter's norm. Source: arXiv 1904.00962."""

    def __init__(self, model: Mo, lr: float | Schedule = ..., betas: tuple[float, float] = ..., eps: float = ..., weight_decay: Any = ..., groups: Any = ...) -> None: ...

class Lion(Optimizer[Mo]):
    """The sign of a momentum. Source: arXiv 2302.06675."""

    def __init__(self, model: Mo, lr: float | Schedule = ..., betas: tuple[float, float] = ..., weight_decay: Any = ..., groups: Any = ...) -> None: ...

class LossScaler:
    def __init__(self, factor: float = ..., growth: float = ..., backoff: float = ..., interval: int = ...) -> None: ...
    def scale(self, loss: Any) -> Any: ...
    def unscale_(self, grads: Any) -> Any: ...
    def update(self, opt: Any, model: Any, grads: Any, allow_unused: bool = ...) -> bool: ...
    def __getattr__(self, name: str) -> Any: ...

class Nesterov(NamedTuple):
    """Nesterov momentum: v becomes g + u v, the step is lr (g + u v)."""

    u: float

class OneCycle:
    def __call__(self, step: int) -> float: ...
    def __init__(self, peak: float, steps: int, up: float = ..., start: float = ..., final: float = ...) -> None: ...
    def __getattr__(self, name: str) -> Any: ...

class Optimizer(Generic[Mo]):
    """Base of all optimizers. A subclass writes `rule`, and `slots` and `values` if it has state and numbers of its own."""

    def __init__(self, model: Mo, *, lr: float | Schedule, weight_decay: Any = ..., groups: Any = ..., **options: Any) -> None: ...
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

class RMSprop(Optimizer[Mo]):
    """g divided by a running root mean square. Source: dfdx's Rust library, after TensorFlow; PyTorch `optim.RMSprop` differs."""

    def __init__(self, model: Mo, lr: float | Schedule = ..., alpha: float = ..., eps: float = ..., momentum: Any = ..., centered: builtins.bool = ..., weight_decay: L2 | Decoupled | None = ..., groups: Any = ...) -> None: ...

class Sgd(Optimizer[Mo]):
    """p becomes p - lr g, with optional momentum. Source: PyTorch `optim.SGD`."""

    def __init__(self, model: Mo, lr: float | Schedule = ..., momentum: Classic | Nesterov | None = ..., weight_decay: L2 | Decoupled | None = ..., groups: Any = ...) -> None: ...

class StepDecay:
    def __call__(self, step: int) -> float: ...
    def __init__(self, lr: float, every: int, factor: float = ...) -> None: ...
    def __getattr__(self, name: str) -> Any: ...

class WarmUp:
    def __call__(self, step: int) -> float: ...
    def __init__(self, steps: int, then: Schedule | float) -> None: ...
    def __getattr__(self, name: str) -> Any: ...
