"""Written by `python tools/gen_stubs.py` (`make stubs`); do not edit."""
# mypy: disable-error-code="misc, overload-overlap, overload-cannot-match, type-var, override, type-arg, no-redef"
# pyright: reportOverlappingOverload=false, reportInvalidTypeVarUse=false
# ruff: noqa

__all__ = ["Adagrad", "Adam", "AdamW", "Classic", "Constant", "Cosine", "Decoupled", "L2", "Lamb", "Lion", "LossScaler", "Nesterov", "OneCycle", "Optimizer", "RMSprop", "Schedule", "Sgd", "StepDecay", "WarmUp"]
MYPY = False
TYPE_CHECKING_WITH_PYREFLY = False

if TYPE_CHECKING_WITH_PYREFLY:
    if not MYPY:
        from ..core.static.pf.optim import Adagrad as Adagrad, Adam as Adam, AdamW as AdamW, Classic as Classic, Constant as Constant, Cosine as Cosine, Decoupled as Decoupled, L2 as L2, Lamb as Lamb, Lion as Lion, LossScaler as LossScaler, Nesterov as Nesterov, OneCycle as OneCycle, Optimizer as Optimizer, RMSprop as RMSprop, Schedule as Schedule, Sgd as Sgd, StepDecay as StepDecay, WarmUp as WarmUp
else:
    from ..core.static.std.optim import Adagrad as Adagrad, Adam as Adam, AdamW as AdamW, Classic as Classic, Constant as Constant, Cosine as Cosine, Decoupled as Decoupled, L2 as L2, Lamb as Lamb, Lion as Lion, LossScaler as LossScaler, Nesterov as Nesterov, OneCycle as OneCycle, Optimizer as Optimizer, RMSprop as RMSprop, Schedule as Schedule, Sgd as Sgd, StepDecay as StepDecay, WarmUp as WarmUp
