"""Devices: plugins that come in through one door; the same model runs on each."""

import dfdx
from dfdx import nn

for row in dfdx.devices():
    print(f"{row.name:8} {row.state!s:12} {row.package:14} {row.reason}")

spec = (nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3), nn.Softmax())
reference = None
print()
for row in dfdx.devices():
    if row.state != "ready" or row.name == "null":
        continue
    dev = dfdx.device(row.name, seed=0)
    model = dev.build_module(spec)  # the same seed gives the same parameters everywhere
    out = model(dev.sample_normal((2, 4))).array()
    reference = out if reference is None else reference
    print(f"{row.name:8} first row {out[0].round(4).tolist()}  largest difference {abs(out - reference).max():.1e}")

# a model moves with all its settings, and says no where a device cannot
moved = dfdx.device("cpu").build_module(spec).to_device("null")
print("\non null there are shapes only:", moved(moved[0].weight.device.zeros((7, 4))).shape)
try:
    dfdx.device("cpuu")
except dfdx.DeviceError as e:
    print(e)
