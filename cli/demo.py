"""`demo`: trains a classifier on the handwritten digits that ship with the package."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from .. import Device, Gradients, Tensor, auto_device, data, device, nn, optim
from ..core.cache import cache_folder
from ..nn.losses import cross_entropy_with_logits_loss
from ..utils import History, progress

SPEC = "((nn.Linear(64, 64), nn.ReLU()), (nn.Linear(64, 32), nn.ReLU()), nn.Linear(32, 10))"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", help="device name; the best one by default")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="folder for checkpoint and loss curve; a cache folder by default")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")


def run(options: argparse.Namespace) -> int:
    name = options.device or auto_device().name
    dev = device(name, seed=options.seed)
    out = Path(options.out) if options.out else _cache()
    out.mkdir(parents=True, exist_ok=True)
    train, test = data.digits("train"), data.digits("test")
    model = dev.build_module(_spec(), input=(None, 64))
    print(
        f"digits: {len(train)} images to train, {len(test)} to test; {model.num_trainable_params():,} parameters on {name}"
    )
    start = time.perf_counter()
    history = fit(model, dev, train, test, options.epochs, options.batch_size, options.seed)
    seconds = time.perf_counter() - start
    checkpoint = out / "digits.npz"
    model.save(checkpoint)
    accuracy = history["test accuracy"][-1] if len(history) else accuracy_of(model, dev, test)
    print(f"test accuracy {accuracy:.2%} after {options.epochs} epochs in {seconds:.1f} s")
    print(f"checkpoint {checkpoint}")
    _curve(history, out)
    _farewell(name, checkpoint)
    if options.json:
        print(
            json.dumps(
                {
                    "device": name,
                    "test_accuracy": accuracy,
                    "epochs": options.epochs,
                    "seconds": seconds,
                    "checkpoint": str(checkpoint),
                }
            )
        )
    return 0


def _spec() -> Any:
    return ((nn.Linear(64, 64), nn.ReLU()), (nn.Linear(64, 32), nn.ReLU()), nn.Linear(32, 10))


def fit(model: Any, dev: Device, train: Any, test: Any, epochs: int, batch_size: int, seed: int) -> History:
    """Train with Adam and cross entropy; a row per epoch is printed and kept."""
    opt = optim.Adam(model, lr=2e-3)
    grads, history = model.alloc_grads(), History()
    print("epoch  train loss  test accuracy  seconds")
    for epoch in range(1, epochs + 1):
        start, total = time.perf_counter(), 0.0
        batches = train.shuffled(seed * 1000 + epoch).batch_exact(batch_size).collate().stack()
        for images, labels in progress(batches, f"epoch {epoch}"):
            loss, grads = step(model, opt, grads, dev.tensor(images), dev.one_hot_encode(labels, 10))
            total += loss
        row = {
            "epoch": epoch,
            "train loss": total / max(len(batches), 1),
            "test accuracy": accuracy_of(model, dev, test),
        }
        history.add(**row)
        print(f"{epoch:5}  {row['train loss']:10.4f}  {row['test accuracy']:13.2%}  {time.perf_counter() - start:7.2f}")
    return history


def step(model: Any, opt: Any, grads: Gradients, x: Tensor, y: Tensor) -> tuple[float, Gradients]:
    """One optimizer step on a batch; the loss before it."""
    loss = cross_entropy_with_logits_loss(model(x.traced(grads)), y)
    value = loss.item()
    grads = loss.backward()
    opt.update(model, grads)
    model.zero_grads(grads)
    return value, grads


def accuracy_of(model: Any, dev: Device, test: Any) -> float:
    """The share of items whose largest logit is the label's."""
    images, labels = next(iter(test.batch_with_last(len(test)).collate().stack()))
    predicted = model(dev.tensor(images)).array().argmax(1)
    return float((predicted == labels).mean())


def _cache() -> Path:
    return cache_folder("demo") or Path("dfdx-demo")


def _curve(history: History, out: Path) -> None:
    if not len(history):
        return
    try:
        history.plot(out / "loss.png", "train loss", "test accuracy")
        print(f"loss curve {out / 'loss.png'}")
    except ImportError:
        print(history.spark("train loss"))


def _farewell(name: str, checkpoint: Path) -> None:
    print("\nto use it:")
    print(
        f"  import dfdx; from dfdx import nn, data; model = dfdx.device({name!r}).build_module({SPEC}); model.load({str(checkpoint)!r})"
    )
    print(
        f"  print('predicted', model(dfdx.device({name!r}).tensor(data.digits('test')[0][0])).array().argmax(), 'label', data.digits('test')[0][1])"
    )
