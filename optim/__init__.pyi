"""Written by `python tools/gen_stubs.py` (`make stubs`); do not edit."""
# mypy: disable-error-code="misc, overload-overlap, overload-cannot-match, type-var, override, type-arg, no-redef"
# pyright: reportOverlappingOverload=false, reportInvalidTypeVarUse=false
# ruff: noqa

__all__ = ["Adam", "AdamW", "Classic", "Decoupled", "L2", "Nesterov", "Optimizer", "Schedule", "Sgd"]
MYPY = False
TYPE_CHECKING_WITH_PYREFLY = False

if TYPE_CHECKING_WITH_PYREFLY:
    if not MYPY:
        from ..core.static.pf.optim import Adam as Adam, AdamW as AdamW, Classic as Classic, Decoupled as Decoupled, L2 as L2, Nesterov as Nesterov, Optimizer as Optimizer, Schedule as Schedule, Sgd as Sgd
else:
    from ..core.static.std.optim import Adam as Adam, AdamW as AdamW, Classic as Classic, Decoupled as Decoupled, L2 as L2, Nesterov as Nesterov, Optimizer as Optimizer, Schedule as Schedule, Sgd as Sgd
