"""Every example in a docstring of the library runs and prints what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import dfdx

# what needs hardware, a driver or an optional package is imported by its own tests
_APART = ("dfdx.conformance", "dfdx.backends.cuda", "dfdx.backends.opencl", "dfdx.mypy_plugin", "dfdx.__main__")


def _modules() -> list[str]:
    names = [m.name for m in pkgutil.walk_packages(dfdx.__path__, "dfdx.", onerror=lambda _: None)]
    return ["dfdx", *[n for n in names if not n.startswith(_APART)]]


@pytest.mark.parametrize("name", _modules())
def test_doctests(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


def test_there_are_doctests():
    assert sum(doctest.testmod(importlib.import_module(n)).attempted for n in _modules()) > 50
