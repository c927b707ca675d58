"""Written by `python tools/gen_stubs.py` (`make stubs`); do not edit."""
# mypy: disable-error-code="misc, overload-overlap, overload-cannot-match, type-var, override, type-arg, no-redef"
# pyright: reportOverlappingOverload=false, reportInvalidTypeVarUse=false
# ruff: noqa
from typing import Any

Init = Any
def __getattr__(name: str) -> Any: ...
