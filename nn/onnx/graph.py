"""The ONNX graph while it grows: nodes, constants, and shapes that may follow the free dim."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .free import Affine

__all__ = ["Graph", "element_type"]


def element_type(dtype: Any) -> int:
    """The ONNX element type that stores a dtype."""
    from onnx import TensorProto as P

    return {
        "f16": P.FLOAT16, "bf16": P.BFLOAT16, "f32": P.FLOAT, "f64": P.DOUBLE, "i8": P.INT8, "i16": P.INT16, "i32": P.INT32,
        "i64": P.INT64, "u8": P.UINT8, "u16": P.UINT16, "u32": P.UINT32, "u64": P.UINT64, "bool": P.BOOL,
    }[dtype.storage]  # fmt: skip


class Graph:
    """Collects nodes; every method gives the name of a value."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.free: tuple[str, int] | None = None  # the input and axis that the free dim is read from
        self._constants: dict[Any, str] = {}
        self._count = 0

    def name(self) -> str:
        self._count += 1
        return f"/{self._count}"  # no dotted path begins so

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """One node with one output."""
        from onnx import helper

        out = self.name()
        self.nodes.append(helper.make_node(op, list(inputs), [out], **attributes))
        return out

    def initializer(self, name: str, array: Any, dtype: Any) -> str:
        """A stored tensor under a name of its own."""
        from onnx import helper

        a = np.ascontiguousarray(array)
        self.initializers.append(
            helper.make_tensor(name, element_type(dtype), list(np.shape(array)), a.tobytes(), raw=True)
        )
        return name

    def constant(self, value: Any, dtype: Any) -> str:
        """A number of this dtype, stored once."""
        key = (repr(value), dtype)
        if key not in self._constants:
            self._constants[key] = self.initializer(self.name(), np.asarray(value, dtype.numpy), dtype)
        return self._constants[key]

    def ints(self, values: Sequence[Any]) -> str:
        """A vector of i64, some of which may follow the free dim."""
        from ...core.dtypes import i64

        if not any(isinstance(v, Affine) for v in values):
            key = ("ints", tuple(values))
            if key not in self._constants:
                self._constants[key] = self.initializer(self.name(), np.array(values, np.int64), i64)
            return self._constants[key]
        return self.node("Concat", *[self._dim(v) for v in values], axis=0)

    def _dim(self, value: Any) -> str:
        if not isinstance(value, Affine):
            return self.ints((value,))
        assert self.free is not None
        source, axis = self.free
        n = self.node("Shape", source, start=axis, end=axis + 1)
        if value.slope != 1:
            n = self.node("Mul", n, self.ints((value.slope,)))
        return n if not value.offset else self.node("Add", n, self.ints((value.offset,)))
