"""Captured steps on OpenCL: core's replay, the bits of the eager step."""

from __future__ import annotations

import numpy as np
import pytest

import dfdx
from dfdx import losses, nn, optim

MODELS = {
    "perceptron with dropout": (((nn.Linear(5, 8), nn.Tanh()), nn.Dropout(0.4), nn.Linear(8, 3)), (4, 5)),
    "images": ((nn.Conv2D(1, 4, 3), nn.BatchNorm2D(4), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten2D(), nn.Linear(100, 3)), (4, 1, 8, 8)),
    "attention": ((nn.TransformerEncoderBlock(8, 2, 16), nn.Linear(8, 3)), (4, 6, 8)),
}  # fmt: skip


def trained(dev, name, captured):
    layers, shape = MODELS[name]
    dev.seed(7)
    net = dev.build_module(layers)
    opt, grads = optim.Adam(net), net.alloc_grads()
    xs = [dev.sample_normal(shape) for _ in range(4)]

    def step(x):
        out = net(x.traced(grads))
        loss = losses.mse_loss(out, x.device.ones(out.shape))
        opt.update(net, loss.backward())
        net.zero_grads(grads)
        return loss

    call = dfdx.capture(step) if captured else step
    found = [call(x).item() for x in xs]
    if captured:
        assert call.replays == 3 and call.reason == ""
    return found, [n.tensor.array() for n in net.named_tensors()], dev._counter


@pytest.mark.parametrize("name", MODELS)
def test_captured_steps_agree_bit_for_bit(dev, name):
    eager, captured = (trained(dev, name, c) for c in (False, True))
    assert eager[0] == captured[0] and eager[2] == captured[2]
    for a, b in zip(eager[1], captured[1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_results_are_fresh_and_arguments_rebound(dev):
    call = dfdx.capture(lambda x, y: (x * 2.0 + y).softmax(-1))
    xs = [dev.sample_normal((3, 5)) for _ in range(3)]
    found = [call(x, xs[0]) for x in xs]
    for x, y in zip(xs[1:], found[1:], strict=True):
        np.testing.assert_array_equal(y.array(), (x * 2.0 + xs[0]).softmax(-1).array())
    assert call.replays == 1  # the first call's arguments were one tensor
