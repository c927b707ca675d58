"""An optimizer's state on disk: `<path>/<slot>`, `<path>/steps`, `step_count`, the device's random numbers, a scaler's numbers."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.dtypes import f64, i64, u64
from ..nn.checkpoint import load_checked, save_arrays

if TYPE_CHECKING:
    from .optimizer import Optimizer
    from .scaler import LossScaler

_SCALER: dict[str, tuple[tuple[int, ...], Any]] = {"loss_scale": ((), f64), "good_steps": ((), i64)}


def save(opt: Optimizer, path: Any, scaler: LossScaler | None) -> None:
    """Write all state."""
    state = {p.path: opt.state[p.path] for p in opt._params if p.path in opt.state}
    arrays: dict[str, Any] = {f"{p}/{k}": t.array() for p, slots in state.items() for k, t in slots.items()}
    arrays.update({f"{p}/steps": np.array(opt.step_count - opt.missed[p], np.int64) for p in state})
    arrays["step_count"] = np.array(opt.step_count, np.int64)
    device = opt._model._device
    arrays["random_state"] = np.array(device.random_state, np.uint64)
    if scaler is not None:
        arrays["loss_scale"] = np.array(scaler.factor, np.float64)
        arrays["good_steps"] = np.array(scaler.good_steps, np.int64)
    save_arrays(arrays, path)


def load(opt: Optimizer, path: Any, scaler: LossScaler | None) -> None:
    """Read all state; everything is checked before anything changes."""
    arrays = load_checked(path, lambda names: _wanted(opt, names) | ({} if scaler is None else _SCALER))
    device, steps = opt._model._device, int(arrays["step_count"])
    opt.state = {
        p.path: {k: device.tensor(arrays[f"{p.path}/{k}"], t) for k, t in _slots(opt, p).items()}
        for p in opt._params
        if f"{p.path}/steps" in arrays
    }
    opt.missed = {p.path: steps - int(arrays.get(f"{p.path}/steps", 0)) for p in opt._params}
    opt.step_count = steps
    opt.recount()
    device.random_state = tuple(int(n) for n in arrays["random_state"])
    if scaler is not None:
        scaler.factor, scaler.good_steps = float(arrays["loss_scale"]), int(arrays["good_steps"])


def _slots(opt: Optimizer, p: Any) -> dict[str, Any]:
    from .optimizer import state_dtype

    return dict.fromkeys(opt.slots(p.group.options), state_dtype(p.tensor))


def _wanted(opt: Optimizer, names: Collection[str]) -> dict[str, tuple[tuple[int, ...], Any]]:
    """What a file must hold: a parameter that was never updated has no state, and one that has any must have all."""
    wanted: dict[str, tuple[tuple[int, ...], Any]] = {"step_count": ((), i64), "random_state": ((2,), u64)}
    stored = {n.rpartition("/")[0] for n in names}
    for p in opt._params:
        if p.path in stored:
            wanted[f"{p.path}/steps"] = ((), i64)
            wanted.update({f"{p.path}/{k}": (p.tensor.shape, d) for k, d in _slots(opt, p).items()})
    return wanted
