"""Datasets."""

from __future__ import annotations

import dfdx
from dfdx import L, Rank1, Rank2, Tensor, data, i64

dev = dfdx.device("cpu")
points = data.dataset([dev.zeros((3,)) for _ in range(10)], [dev.tensor(3) for _ in range(10)])
for x, y in points.shuffled(0).batch_exact(5).collate().stack():
    a: Tensor[Rank2[L[5], L[3]]] = x
    b: Tensor[Rank1[L[5]], i64] = y
digits = data.digits("test")
for image, label in digits.map(lambda item: item).batch_with_last(32).collate().stack().prefetch(2):
    print(dev.tensor(image).shape, dev.tensor(label).shape)
    break


class Squares(data.Dataset[int]):
    """The first ten squares."""

    def __len__(self) -> int:
        return 10

    def get(self, i: int) -> int:
        return i * i


print(sum(Squares()), Squares()[2:4], len(Squares().batch_exact(3)))
