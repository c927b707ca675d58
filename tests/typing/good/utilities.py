"""Utilities."""

from __future__ import annotations

import dfdx

dev = dfdx.device("cpu")
history = dfdx.utils.History()
table = dfdx.utils.Table({"epoch": "d", "loss": "8.4f"})
for epoch in dfdx.utils.progress(range(2), "training"):
    history.add(epoch=epoch, loss=1.0 / (epoch + 1))
    table.row({"epoch": epoch, "loss": 0.5})
print(history["loss"], dfdx.utils.sparkline([1.0, 2.0]), history.spark("loss"))
