"""Generic functions."""

from __future__ import annotations

import dfdx
from dfdx import B, D, Dim, E, Gradients, K, L, N, Rank0, Rank2, S, T, Tensor

dev = dfdx.device("cpu")


def residual(x: Tensor[S, E, D, T]) -> Tensor[S, E, D, T]:
    return x + x.relu()


def linear(
    x: Tensor[Rank2[Dim[B], Dim[K]], E, D, T], w: Tensor[Rank2[Dim[K], Dim[N]], E, D]
) -> Tensor[Rank2[Dim[B], Dim[N]], E, D, T]:
    return x @ w


def head(
    x: Tensor[Rank2[Dim[B], L[10]], E, D, T], w: Tensor[Rank2[L[10], L[2]], E, D]
) -> Tensor[Rank2[Dim[B], L[2]], E, D, T]:
    return (x @ w).tanh().softmax()


def total(x: Tensor[S, E, D, T]) -> Tensor[Rank0, E, D, T]:
    return (x * 2.0 - 1.0).sqrt().sum()


x = dev.zeros((8, 10))
y: Tensor[Rank2[L[8], L[10]]] = residual(x)
z: Tensor[Rank2[L[8], L[3]]] = linear(x, dev.zeros((10, 3)))
u: Tensor[Rank2[L[8], L[2]]] = head(x, dev.zeros((10, 2)))
v: Tensor[Rank0] = total(x)
g: Gradients = total(x.traced()).backward()
