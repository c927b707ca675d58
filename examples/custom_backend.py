"""A device of your own in one file: generic kernels over an array library, one kernel by hand, judged by the conformance kit.

Here the array library is NumPy, and the device counts what its matrix products cost. A real one is a package; `python -m dfdx
new-backend NAME` writes it. Its entry point stands in pyproject.toml; this file makes the same metadata in a folder.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import array_api_compat.numpy
import numpy as np

import dfdx
from dfdx import losses, nn, optim
from dfdx.backends.array_api import Namespace, register_kernels
from dfdx.conformance import judge
from dfdx.core.contract import BackendInfo, Capabilities, DeviceInfo, KernelTable, Signature, hookimpl, quiet


class Runtime:
    """One open device: whatever the kernels need."""

    def __init__(self) -> None:
        self.space = Namespace(array_api_compat.numpy, guard=quiet)
        self.products = self.multiplications = 0

    def synchronize(self) -> None:
        """Nothing is under way when a call returns."""


class Counting:
    """The hooks by which dfdx meets the device."""

    @hookimpl
    def backend_info(self) -> BackendInfo:
        return BackendInfo(api=(1, 0), summary="NumPy, counting")

    @hookimpl
    def backend_probe(self) -> list[DeviceInfo]:
        return [DeviceInfo(name="an abacus")]

    @hookimpl
    def backend_open(self, index: int, options: dict[str, Any]) -> Runtime:
        return Runtime()

    @hookimpl
    def backend_capabilities(self, runtime: Runtime) -> Capabilities:
        return runtime.space.capabilities()

    @hookimpl
    def register_kernels(self, registry: KernelTable, runtime: Runtime) -> None:
        register_kernels(registry, runtime.space)  # everything, in terms of the array API

        @registry.kernel("matmul", specialize=True)  # ours goes first
        def matmul(sig: Signature) -> Any:
            a, out = sig.inputs[0], sig.outputs[0]
            wide, stored = out.dtype.compute.numpy, out.dtype.numpy

            def kernel(x: Any, y: Any) -> Any:
                runtime.products += 1
                runtime.multiplications += out.numel * a.shape[-1]
                return np.matmul(x.astype(wide), y.astype(wide)).astype(stored)

            return quiet(kernel)


def announce(folder: Path) -> None:
    """What pip would write for a package that declares `counting` among its entry points."""
    info = folder / "dfdx_counting-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: dfdx-counting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[dfdx.backends.v1]\ncounting = {__name__}:plugin\n")
    sys.path.append(str(folder))


def train(name: str) -> list[float]:
    """Losses of a few steps of the same model from the same seed."""
    dev = dfdx.device(name, seed=1)
    model = dev.build_module((nn.Linear(8, 32), nn.Tanh(), nn.Dropout(0.1), nn.Linear(32, 1)))
    opt, grads = optim.Adam(model, lr=1e-2), model.alloc_grads()
    x = dev.sample_uniform((64, 8))
    found = []
    for _ in range(5):
        loss = losses.mse_loss(model(x.traced(grads)), x.sum(1).reshape((64, 1)))
        opt.update(model, loss.backward())
        model.zero_grads(grads)
        found.append(loss.item())
    return found


plugin = Counting()
with tempfile.TemporaryDirectory() as folder:
    announce(Path(folder))
    print(*[f"{row.name:<10}{row.state:<13}{row.package}" for row in dfdx.devices()], sep="\n")
    ours, cpus = train("counting"), train("cpu")
    print("losses on counting:", *[f"{v:.4f}" for v in ours])
    print("losses on cpu:     ", *[f"{v:.4f}" for v in cpus])
    runtime = dfdx.device("counting").runtime
    print(f"{runtime.products} products, {runtime.multiplications:,} multiplications")
    report = judge("counting", "quick", "matmul")
    print(f"the kit on matmul: {report['verdict']}, {sum(report['counts'].values())} checks, {report['failed']} failed")
