"""Where the stubs differ from the code on purpose, by what they are made from: the allow-list of tools/compare_stubs.py."""

from __future__ import annotations

from .device import FILLS
from .modules import RULES
from .ops import TABLES, rule_of

__all__ = ["allowed"]

_SWITCH = "the switch between the two views of the stubs"
_OBJECT = "a callable object in the stubs, a function in the code: tests/typing/test_stubs.py compares what they take"
_PHANTOM = "says what goes in and out; there is nothing of it at run time"
_BUILT = "a parameter: it is there when the module is built"
_GENERIC = "the stubs' class is generic, the code's takes any argument and checks nothing"
_REFUSED = "raises at run time, so that it is better not there"

_BY_HAND = {
    r"dfdx(\.\w+)*\.(MYPY|TYPE_CHECKING_WITH_PYREFLY)": _SWITCH,
    r"dfdx\.nn\.\w+\.(_map\d+|_starts|_built)": _PHANTOM,
    r"dfdx\.nn\.Module\.__call__": "has the type of the subclass's `forward`",
    r"dfdx\.(Tensor|nn\.Channels|nn\.Features|nn\.Module)\.__class_getitem__": _GENERIC,
    r"dfdx\.Tensor\.(__init__|__setitem__|__rmatmul__)": _REFUSED,
    r"dfdx\.Dim": "Annotated[_0, 'dim'] in the code and the stubs, which stubtest does not take for an alias",
    r"dfdx\.nn\.Param": "a function in the stubs: the built tensor stands for it in `forward`",
}


def allowed(functions: dict[str, object], specs: dict[str, object], modules: dict[str, type]) -> dict[str, str]:
    """{pattern of names: why}: each must fit a difference that there is."""
    tables = [n for n, f in functions.items() if rule_of(f, specs) in TABLES]
    objects = {rf"dfdx\.(Tensor\.)?{n}": _OBJECT for n in tables} | {rf"dfdx\.Device\.{n}": _OBJECT for n in FILLS}
    built = {rf"dfdx\.nn\.{n}\.{t}": _BUILT for n in modules if n in RULES for t in RULES[n].tensors}
    return {**_BY_HAND, **objects, **built}
