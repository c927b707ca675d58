"""A captured training step: recorded once, replayed from then on, with a learning-rate schedule and fresh dropout masks."""

import math
import time
from typing import Any

import dfdx
from dfdx import data, losses, nn, optim
from dfdx.utils import History

EPOCHS, BATCH = 6, 32


def warm_cosine(total: int, peak: float = 4e-3, warm: int = 40) -> optim.Schedule:
    """Linear warm-up, then half a cosine down to 0."""

    def lr(step: int) -> float:
        if step < warm:
            return peak * (step + 1) / warm
        return peak * 0.5 * (1.0 + math.cos(math.pi * (step - warm) / max(1, total - warm)))

    return lr


def run(captured: bool) -> tuple[History, float, float]:
    """(history, seconds in steps, test accuracy) of one training run."""
    dev = dfdx.device("cpu", seed=0)
    train, test = data.digits("train"), data.digits("test")
    model = dev.build_module((nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10)))
    steps = EPOCHS * (len(train) // BATCH)
    opt, grads = optim.AdamW(model, lr=warm_cosine(steps)), model.alloc_grads()

    def step(x: Any, y: Any) -> Any:
        loss = losses.cross_entropy_with_logits_loss(model(x.traced(grads)), y)
        opt.update(model, loss.backward())
        model.zero_grads(grads)
        return loss

    faster = dfdx.capture(step) if captured else step
    history, seconds = History(), 0.0
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for images, labels in train.shuffled(epoch).batch_exact(BATCH).collate().stack():
            x, y = dev.tensor(images), dev.one_hot_encode(labels, 10)
            start = time.perf_counter()
            loss = faster(x, y)
            seconds += time.perf_counter() - start
            total += loss.item()
        history.add(epoch=epoch, loss=total / (len(train) // BATCH))
    images, labels = next(iter(test.batch_with_last(len(test)).collate().stack()))
    right = float((model(dev.tensor(images)).array().argmax(1) == labels).mean())
    return history, seconds, right


eager, eager_seconds, eager_right = run(captured=False)
replayed, replayed_seconds, replayed_right = run(captured=True)
print("eager    ", eager.spark("loss"), f"  test accuracy {eager_right:.2%}")
print("captured ", replayed.spark("loss"), f"  test accuracy {replayed_right:.2%}")
print("the same losses:", eager["loss"] == replayed["loss"])
print(f"seconds in steps: {eager_seconds:.2f} eager, {replayed_seconds:.2f} captured")
