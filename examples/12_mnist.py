"""Handwritten digits: IDX files of MNIST in a folder if one is given, else the 8x8 digits that ship with the package.

python examples/12_mnist.py [FOLDER]
"""

import sys
from typing import Any

import numpy as np

import dfdx
from dfdx import data, losses, nn, optim


def images(part: str) -> tuple[Any, int]:
    """The data set and the number of pixels."""
    if len(sys.argv) > 1:
        return data.mnist(sys.argv[1], part), 28 * 28
    return data.digits(part), 8 * 8


def accuracy(model: Any, dev: dfdx.Device, test: Any) -> float:
    right = 0
    for x, y in test.batch_with_last(256).collate().stack():
        right += int((model(dev.tensor(x)).array().argmax(1) == y).sum())
    return right / len(test)


def main() -> None:
    dev = dfdx.auto_device()
    train, pixels = images("train")
    test, _ = images("test")
    model = dev.build_module(
        ((nn.Linear(pixels, 128), nn.ReLU()), (nn.Linear(128, 32), nn.ReLU()), nn.Linear(32, 10)), input=(None, pixels)
    )
    opt, grads = optim.Adam(model, lr=2e-3), model.alloc_grads()
    print(f"{len(train)} images of {pixels} pixels, {model.num_trainable_params():,} parameters on {dev.name}")
    for epoch in range(1, 9):
        total = 0.0
        batches = train.shuffled(epoch).batch_exact(32).collate().stack().prefetch()
        for x, y in batches.progress(f"epoch {epoch}"):
            loss = losses.cross_entropy_with_indices_loss(model(dev.tensor(x).traced(grads)), dev.tensor(y))
            total += loss.item()
            opt.update(model, grads := loss.backward())
            model.zero_grads(grads)
        print(f"epoch {epoch}  loss {total / len(batches):.4f}  test accuracy {accuracy(model, dev, test):.2%}")
    x, y = test[0]
    print("the first test image is a", y, "and the model says", model(dev.tensor(np.asarray(x))).array().argmax())


main()
