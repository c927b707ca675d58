"""Written by `python tools/gen_stubs.py` (`make stubs`); do not edit."""
# mypy: disable-error-code="misc, overload-overlap, overload-cannot-match, type-var, override, type-arg, no-redef"
# pyright: reportOverlappingOverload=false, reportInvalidTypeVarUse=false
# ruff: noqa

__all__ = ["Dataset", "dataset", "digits", "mnist", "prefetch", "read_idx"]
MYPY = False
TYPE_CHECKING_WITH_PYREFLY = False

if TYPE_CHECKING_WITH_PYREFLY:
    if not MYPY:
        from ..core.static.pf.data import Dataset as Dataset, dataset as dataset, digits as digits, mnist as mnist, prefetch as prefetch, read_idx as read_idx
else:
    from ..core.static.std.data import Dataset as Dataset, dataset as dataset, digits as digits, mnist as mnist, prefetch as prefetch, read_idx as read_idx
