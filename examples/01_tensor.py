"""Tensors: values with a shape, a dtype and a device. Nothing ever changes them."""

from typing import Any

import numpy as np

import dfdx

dev = dfdx.device("cpu")

# a device makes tensors; shapes are tuples
zeros = dev.zeros((2, 3))
ones = dev.ones((2, 3), dfdx.f64)
steps = dev.arange(6).reshape((2, 3))
noise = dev.sample_normal((2, 3))
data = dev.tensor([[1.0, 2.0], [3.0, 4.0]])
made: dict[str, Any] = {"zeros": zeros, "ones": ones, "steps": steps, "noise": noise, "data": data}
for name, t in made.items():
    print(f"{name:6} {t.type_text:12} on {t.device.name}: {t.tolist()}")

# reading: a copy as an array, a view of the same memory, a number, nested lists
print("copy  ", data.array().sum())
print("view  ", np.asarray(data).flags.writeable, "(read-only: tensors are values)")
print("number", data[1, 0].item())

# indexing takes ints, slices and an ellipsis
print("column", data[:, 1].tolist(), "last row", data[-1].tolist())

# random numbers depend on the device's seed alone, on every kind of device
a = dfdx.device("cpu", seed=1).sample_uniform((3,))
b = dfdx.device("cpu", seed=1).sample_uniform((3,))
print("same seed, same numbers:", a.tolist() == b.tolist())
