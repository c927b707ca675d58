"""Written by `python tools/gen_stubs.py` (`make stubs`); do not edit."""
# mypy: disable-error-code="misc, overload-overlap, overload-cannot-match, type-var, override, type-arg, no-redef"
# pyright: reportOverlappingOverload=false, reportInvalidTypeVarUse=false
# ruff: noqa

__all__ = ["Init", "constant", "normal", "ones", "uniform", "zeros"]
MYPY = False
TYPE_CHECKING_WITH_PYREFLY = False

if TYPE_CHECKING_WITH_PYREFLY:
    if not MYPY:
        from ..core.static.pf.init import Init as Init, constant as constant, normal as normal, ones as ones, uniform as uniform, zeros as zeros
else:
    from ..core.static.std.init import Init as Init, constant as constant, normal as normal, ones as ones, uniform as uniform, zeros as zeros
