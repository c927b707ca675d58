"""Matrix products; narrow floats accumulate in f32."""

from __future__ import annotations

from typing import Any

from .namespace import Namespace


def register(registry: Any, space: Namespace) -> None:
    def matmul(sig: Any) -> Any:
        dtype = sig.outputs[0].dtype
        settle, product = space.settle(dtype), space.functions.get("matmul", space.xp.matmul)

        def kernel(a: Any, b: Any) -> Any:
            out = product(space.widen(a, dtype), space.widen(b, dtype))
            return space.narrow(out if settle is None else settle(out), dtype)

        return space.guard(space.compile(kernel))

    registry.kernel("matmul", specialize=True, base=True)(space.guard(matmul))
