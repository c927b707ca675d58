"""Networks trained to a result: digits, a toy grammar, a paragraph."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

import dfdx
from dfdx import data, losses, nn, optim


def fit(model, opt, train, epochs, device):
    grads = model.alloc_grads()
    for epoch in range(epochs):
        for x, y in train.shuffled(epoch).batch_exact(32).collate().stack():
            loss = losses.cross_entropy_with_indices_loss(model(device.tensor(x).traced(grads)), device.tensor(y))
            opt.update(model, loss.backward())
            model.zero_grads(grads)


def accuracy(model, items, device):
    (images, labels), *_ = items.batch_exact(len(items)).collate().stack()
    return float((model(device.tensor(images)).array().argmax(1) == labels).mean())


def test_an_mlp_reads_digits():
    dev = dfdx.device("cpu", seed=1)
    model = dev.build_module((nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 10)), input=(None, 64))
    fit(model, optim.AdamW(model, 3e-3), data.digits("train"), 12, dev)
    assert accuracy(model, data.digits("test"), dev) >= 0.96


def test_a_small_convolutional_net_reads_digits():
    dev = dfdx.device("cpu", seed=1)
    net = (
        (nn.Conv2D(1, 16, 3, padding=1), nn.BatchNorm2D(16), nn.ReLU(), nn.MaxPool2D(2, 2)),
        (nn.Conv2D(16, 32, 3, padding=1), nn.BatchNorm2D(32), nn.ReLU(), nn.MaxPool2D(2, 2)),
        (nn.Flatten2D(), nn.Linear(128, 10)),
    )
    model = dev.build_module(net, input=(None, 1, 8, 8))
    train = data.digits("train", flat=False)
    steps = 8 * (len(train) // 32)
    fit(model, optim.Adam(model, optim.OneCycle(1e-2, steps)), train, 8, dev)
    assert accuracy(model, data.digits("test", flat=False), dev) >= 0.975


def _words(rng, count, longest=6):
    """Words a^n b^n c of the grammar, as ids, padded with -1: once b comes, all that follows is certain."""
    out = np.full((count, 2 * longest + 1), -1)
    for row, n in zip(out, rng.integers(1, longest + 1, count), strict=True):
        row[: 2 * n + 1] = [0] * n + [1] * n + [2]
    return out


def test_a_gru_learns_to_count():
    dev = dfdx.device("cpu", seed=0)
    model = dev.build_module((nn.Embedding(3, 8), nn.GRU(8, 16), nn.Linear(16, 3)))
    opt, grads, rng = optim.Adam(model, optim.Cosine(2e-2, 150)), model.alloc_grads(), np.random.default_rng(0)
    for _ in range(150):
        words = _words(rng, 32)
        logits = model(dev.tensor(np.maximum(words[:, :-1], 0)).traced(grads))
        opt.update(
            model, losses.cross_entropy_with_indices_loss(logits, dev.tensor(words[:, 1:]), ignore_index=-1).backward()
        )
        model.zero_grads(grads)
    words = _words(np.random.default_rng(1), 100)
    said = model(dev.tensor(np.maximum(words[:, :-1], 0))).array().argmax(-1)
    certain = (words[:, :-1] == 1) & (words[:, 1:] >= 0)
    assert certain.sum() > 300 and (said == words[:, 1:])[certain].all()


def test_a_transformer_learns_a_paragraph_by_heart():
    path = Path(__file__).resolve().parents[2] / "examples" / "small_gpt.py"
    spec = importlib.util.spec_from_file_location("small_gpt", path)
    assert spec and spec.loader
    gpt = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(gpt)
    dev = dfdx.device("cpu", seed=2)
    letters = sorted(set(gpt.TEXT))
    ids = np.array([letters.index(c) for c in gpt.TEXT])
    model = dev.build_module(gpt.Gpt(len(letters), 32))
    assert gpt.train(model, ids, 32, 300, report=lambda _: None) < 0.2
    x, y = gpt.windows(ids, 32, 200, np.random.default_rng(5))
    said = model(dev.tensor(x)).array().argmax(-1)
    assert (said == y)[:, 16:].mean() >= 0.98  # 16 characters on, hardly anything is left to guess
