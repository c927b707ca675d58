"""The stub of `dfdx.core.contract`: what the code imports, with users' `Tensor` in the functions that take or give tensors."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

from .plain import plain_function
from .text import HEADER, QUIET

__all__ = ["contract_stub"]


def contract_stub(source: Path) -> str:
    """Written from the imports of the module itself."""
    from dfdx.core import contract

    imports, functions = [], []
    for node in ast.parse(source.read_text("utf-8")).body:
        if not isinstance(node, ast.ImportFrom):
            continue
        where = "." * node.level + (node.module or "")
        for name in (a.name for a in node.names if a.name != "Tensor"):  # the users' is imported
            value = getattr(contract, name)
            if inspect.isfunction(value) and "Tensor" in str(inspect.signature(value)).replace("TensorType", ""):
                functions.append(plain_function(name, value, {"Tensor"}))
            else:
                imports.append(f"from {where} import {name} as {name}\n")
    head = "from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence\nfrom typing import Any\n\nfrom .. import Tensor\n"
    names = ", ".join(f'"{n}"' for n in contract.__all__)
    return HEADER + QUIET + head + "".join(imports) + f"\n__all__ = [{names}]\n\n" + "".join(functions)
