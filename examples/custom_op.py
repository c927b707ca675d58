"""A new elementwise op is one line: its value, its gradient and its kernels on every device follow from the expression."""

import numpy as np

import dfdx
from dfdx.core.expr import functions as F
from dfdx.core.ops._define import unary

# mish(x) = x tanh(ln(1 + e^x)). Source: Misra, arXiv 1908.08681
unary("mish", lambda x: x * F.tanh(F.softplus(x)), "x tanh(softplus(x)).")

for row in dfdx.devices():
    if row.state == "ready" and row.name != "null":
        dev = dfdx.device(row.name)
        x = dev.linspace(-4.0, 4.0, 9)
        grads = x.traced().mish().sum().backward()
        print(f"{row.name}: mish(x)  {x.mish().array().round(3).tolist()}")
        print(f"{row.name}: mish'(x) {grads.get(x).array().round(3).tolist()}")

        # against finite differences in float64
        y = x.to_dtype(dfdx.f64)
        slope = ((y + 1e-6).mish() - (y - 1e-6).mish()).array() / 2e-6
        print(
            f"{row.name}: largest difference from finite differences {np.abs(grads.get(x).array() - slope).max():.1e}"
        )
