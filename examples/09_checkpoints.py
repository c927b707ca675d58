"""Checkpoints: npz or safetensors, written atomically, never unpickled, checked whole before anything changes."""

import tempfile
from pathlib import Path

import numpy as np

import dfdx
from dfdx import nn, optim

dev = dfdx.device("cpu", seed=0)
spec = (nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
model = dev.build_module(spec)
opt = optim.Adam(model)
x = dev.sample_normal((3, 4))

with tempfile.TemporaryDirectory() as folder:
    for name in ("model.npz", "model.safetensors"):
        path = Path(folder) / name
        model.save(path)
        fresh = dev.build_module(spec)
        fresh.load(path)
        print(
            f"{name:18} {path.stat().st_size} bytes, same output: {np.array_equal(fresh(x).array(), model(x).array())}"
        )
    opt.save(Path(folder) / "optimizer.npz")

    # a file that does not fit lists everything that is wrong, and changes nothing
    other = dev.build_module((nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 2)))
    before = other(x).array()
    try:
        other.load(Path(folder) / "model.npz")
    except dfdx.CheckpointError as e:
        print("\n" + "\n".join(line.replace(folder, "...") for line in str(e).splitlines()))
    print("unchanged:", np.array_equal(before, other(x).array()))

# copies have storage of their own; ema moves one towards another
slow = model.clone()
slow.ema(model, decay=0.9)
print("half precision copy:", model.to_dtype(dfdx.f16)[0].weight.type_text)
