"""Captured training steps of every kind of module do what the steps do, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dfdx
from dfdx import losses, nn, optim

# a specification, the shape of the input, and, for ids, how many there are
SPECS: dict[str, Any] = {
    "statistics": ((nn.Linear(4, 8), nn.BatchNorm1D(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3)), (16, 4), 0),
    "images": (
        (nn.Conv2D(1, 4, 3, padding=1), nn.BatchNorm2D(4), nn.MaxPool2D(2, 2), nn.Flatten2D(), nn.Linear(64, 3)),
        (5, 1, 8, 8),
        0,
    ),
    "gru": ((nn.GRU(4, 8), nn.Linear(8, 3)), (3, 5, 4), 0),
    "lstm": ((nn.LSTM(4, 8, bidirectional=True), nn.Linear(16, 3)), (3, 5, 4), 0),
    "transformer": ((nn.TransformerEncoder(8, 2, 16, 2, causal=True), nn.Linear(8, 3)), (3, 5, 8), 0),
    "ids": ((nn.Embedding(7, 8), nn.PositionalEncoding(5, 8), nn.GroupNorm(1, 5), nn.Linear(8, 3)), (3, 5), 7),
    "branches": (
        (nn.SplitInto(nn.Linear(4, 3), nn.Linear(4, 3)), nn.AddInto((), nn.Linear(3, 3)), nn.Residual(nn.PReLU())),
        (6, 4),
        0,
    ),
}
OPTIMIZERS = [optim.Lamb, lambda m: optim.RMSprop(m, optim.Cosine(0.01, 5), momentum=0.9), optim.Adagrad, optim.Lion]


def trained(name, make, captured):
    spec, shape, ids = SPECS[name]
    dev, rng = dfdx.device("cpu", seed=1), np.random.default_rng(0)
    model = dev.build_module(spec)
    opt, grads = make(model), model.alloc_grads()

    def step(x, y):
        loss = losses.cross_entropy_with_indices_loss(model(x.traced(grads)), y, ignore_index=2)
        opt.update(model, loss.backward())
        model.zero_grads(grads)
        return loss

    call = dfdx.capture(step) if captured else step
    labels, found = model(dev.zeros(shape, "i64" if ids else "f32")).shape[:-1], []
    for _ in range(5):
        x = rng.integers(0, ids, shape) if ids else rng.standard_normal(shape).astype("f")
        found.append(call(dev.tensor(x), dev.tensor(rng.integers(0, 3, labels))).item())
    return found, [n.tensor.array() for n in model.named_tensors()], call


@pytest.mark.parametrize("name", SPECS)
def test_captured_steps_agree_bit_for_bit(name):
    for make in OPTIMIZERS if name == "statistics" else OPTIMIZERS[:1]:
        eager, captured = (trained(name, make, c) for c in (False, True))
        assert captured[2].replays == 4 and captured[2].reason == ""
        assert eager[0] == captured[0]
        for a, b in zip(eager[1], captured[1], strict=True):
            np.testing.assert_array_equal(a, b)
