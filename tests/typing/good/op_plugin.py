"""An op of another package, as a plugin registers it: tensors of users meet the functions of the contract."""

from __future__ import annotations

from typing import Any

import dfdx
from dfdx.core.contract import Composite, TensorType, apply, as_tensor, check_takes, hookimpl, shape_error

dev = dfdx.device("cpu")


def _infer(x: dfdx.Tensor) -> TensorType:
    check_takes("halves", "float", (x,))
    if x.rank < 1 or x.shape[-1] % 2:
        raise shape_error("halves", "the last axis must be even", {"x": x}, {"x": f"x.rank = {x.rank}"}, "pad it")
    return TensorType((*x.shape[:-1], x.shape[-1] // 2), x.dtype)


def _body(x: dfdx.Tensor) -> dfdx.Tensor:
    return x.reshape((*x.shape[:-1], x.shape[-1] // 2, 2)).sum(-1)


HALVES = Composite("halves", _infer, _body, family="transform", doc="Sums of pairs.")


def halves(x: dfdx.Tensor) -> dfdx.Tensor:
    """Sums of pairs along the last axis."""
    return apply(HALVES, (as_tensor("halves", x),))


@hookimpl
def register_ops(registry: Any) -> None:
    registry.op(HALVES, halves)


print(halves(dev.ones((2, 4))).tolist())
