"""What optimizers share: one fused launch per parameter, state by dotted path, all checks before any change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..core.door import replayed, watched
from ..core.dtypes import f32
from ..core.expr import Expr, arg, map_program, scalar
from ..core.inplace import update
from ..core.public import CheckpointError, GradientError, Gradients, Tensor, UnusedParamsError
from ..core.types import TensorType
from ..core.updates import Job, updates

__all__ = ["Decoupled", "L2", "Optimizer", "Schedule"]

Schedule = Callable[[int], float]


class L2(NamedTuple):
    """Weight decay as a penalty: the gradient becomes g + decay p."""

    decay: float


class Decoupled(NamedTuple):
    """Weight decay beside the gradient: the step becomes step + lr decay p. Source: arXiv 1711.05101."""

    decay: float


class Optimizer:
    """Base of all optimizers.

    A subclass names its state tensors in `slots` and writes `rule`: expressions for the new parameter and the new state.
    Numbers it needs at each step come from `numbers`, in the order of the scalars that `rule` receives.

    * `model`: a built module; `update` refuses any other instance.
    * `lr`: a number, or a schedule: a function of the step, counted from 0.
    * `groups`: {path prefix: {option: value}} for parameters that differ.
    """

    slots: tuple[str, ...] = ()
    n_numbers = 1

    def __init__(
        self,
        model: Any,
        *,
        lr: float | Schedule,
        weight_decay: L2 | Decoupled | None = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
        **options: Any,
    ) -> None:
        self._model = model
        self.options: dict[str, Any] = {"lr": lr, "weight_decay": weight_decay, **options}
        for name, value in self.options.items():
            _check_option(type(self).__name__, name, value)
        self.step_count = 0
        self._params = [(n.path, n.tensor) for n in model.named_tensors() if n.trainable]
        self.groups = {k: dict(v) for k, v in (groups or {}).items()}
        self._check_groups()
        self._options = self._all_options()
        self.state: dict[str, tuple[Tensor, ...]] = {}
        self._short: Any = None  # all updates as one function, once they have run

    # ----- options

    @property
    def lr(self) -> Any:
        """The learning rate of the next step, or the schedule; can be set."""
        return self.options["lr"]

    @lr.setter
    def lr(self, value: float | Schedule) -> None:
        _check_option(type(self).__name__, "lr", value)
        self.options["lr"] = value
        for options, merged in zip(self._options, self._all_options(), strict=True):
            options["lr"] = merged["lr"]

    def _check_groups(self) -> None:
        for prefix, changed in self.groups.items():
            if not any(p == prefix or p.startswith(prefix + ".") for p, _ in self._params):
                raise KeyError(
                    f"[{type(self).__name__}] no trainable parameter under {prefix!r}; there are {', '.join(p for p, _ in self._params)}"
                )
            for name in changed:
                if name not in self.options:
                    raise KeyError(
                        f"[{type(self).__name__}] no option {name!r} in group {prefix!r}; there are {', '.join(self.options)}"
                    )

    def _options_of(self, path: str) -> dict[str, Any]:
        merged = dict(self.options)
        for prefix in sorted(self.groups, key=len):
            if path == prefix or path.startswith(prefix + "."):
                merged.update(self.groups[prefix])
        return merged

    def _all_options(self) -> list[dict[str, Any]]:
        """The options of each parameter; those in the same groups share a dict."""
        shared: dict[tuple[str, ...], dict[str, Any]] = {}
        found = []
        for path, _ in self._params:
            key = tuple([p for p in self.groups if path == p or path.startswith(p + ".")])
            if key not in shared:
                shared[key] = self._options_of(path)
            found.append(shared[key])
        return found

    # ----- what a subclass writes

    def rule(
        self, p: Expr, g: Expr, state: tuple[Expr, ...], numbers: tuple[Expr, ...], options: Mapping[str, Any]
    ) -> tuple[Expr, tuple[Expr, ...]]:
        """(step to subtract from p, new state) as expressions."""
        raise NotImplementedError(f"{type(self).__name__} has no rule")

    def numbers(self, lr: float, t: int, options: Mapping[str, Any]) -> tuple[float, ...]:
        """The runtime scalars of step t, counted from 1: the learning rate first."""
        return (lr,)

    # ----- the step

    def update(self, model: Any, grads: Gradients, allow_unused: bool = False) -> None:
        """One step on all trainable parameters, in place.

        * `grads`: from `backward()`.
        * `allow_unused`: leave parameters without a gradient, and their state, as they are.

        Raises `GradientError` for another model's instance and `UnusedParamsError` naming the parameters without a
        gradient; nothing is updated then.
        """
        if self._short is not None and model is self._model and not watched and self._short(grads, self._advance):
            return
        if model is not self._model:
            raise GradientError(
                f"[{type(self).__name__}] this optimizer was made for another model instance; make one per model"
            )
        if not isinstance(grads, Gradients):
            raise GradientError(
                f"[{type(self).__name__}] update takes the Gradients of backward(), not {type(grads).__name__}"
            )
        found = [grads.peek(t) for _, t in self._params]
        unused = [path for (path, _), g in zip(self._params, found, strict=True) if g is None]
        if unused and not allow_unused:
            raise UnusedParamsError(
                f"[{type(self).__name__}] no gradient reached: {', '.join(unused)}\n"
                "  hint: use them in the loss, model.freeze(path) excludes them, update(..., allow_unused=True) skips them"
            )
        numbers, n = replayed(self._advance), self.n_numbers
        first = {id(options): i * n for i, options in enumerate(self._groups())}
        jobs = []
        for (path, tensor), g, options in zip(self._params, found, self._options, strict=True):
            if g is not None:
                state = self._state_of(path, tensor)
                if tensor.numel:
                    job = Job(self._program(tensor, state, g, options), (tensor, *state), g, first[id(options)])
                    update(job.program, job.targets, (g,), numbers[job.at : job.at + n], type(self).__name__)
                    jobs.append(job)
        if not unused and not watched:
            self._short = updates(jobs, len(numbers), type(self).__name__)

    def _groups(self) -> list[dict[str, Any]]:
        """The distinct options."""
        return list({id(options): options for options in self._options}.values())

    def _advance(self) -> tuple[float, ...]:
        """Count the step; its numbers, for each of the distinct options."""
        self.step_count += 1
        found: list[float] = []
        for options in self._groups():
            lr = options["lr"]
            found += self.numbers(lr(self.step_count - 1) if callable(lr) else lr, self.step_count, options)
        return tuple(found)

    def _state_of(self, path: str, tensor: Tensor) -> tuple[Tensor, ...]:
        state = self.state.get(path)
        if state is None:
            type_ = TensorType(tensor.shape, f32 if tensor.dtype.is_amp else tensor.dtype)
            state = self.state[path] = tuple(tensor.device.kept(type_, 0) for _ in self.slots)
        return state

    def _program(self, tensor: Tensor, state: tuple[Tensor, ...], g: Tensor, options: dict[str, Any]) -> Any:
        cached = options.get("_programs")
        if cached is None:
            cached = options["_programs"] = {}
        key = (tensor.dtype, g.dtype)
        program = cached.get(key)
        if program is None:
            k = len(state)
            p, gradient = arg(0), arg(k + 1)
            numbers = tuple(scalar(i) for i in range(self.n_numbers))
            decay = options["weight_decay"]
            if isinstance(decay, L2):
                gradient = gradient + decay.decay * p
            step, new = self.rule(p, gradient, tuple(arg(1 + i) for i in range(k)), numbers, options)
            if isinstance(decay, Decoupled):
                step = step + (numbers[0] * decay.decay) * p
            dtypes = (tensor.dtype, *[s.dtype for s in state])
            program = cached[key] = map_program((p - step, *new), (*dtypes, g.dtype), dtypes, self.n_numbers)
        return program

    # ----- files

    def save(self, path: Any) -> None:
        """Write the state and the step count to an `.npz` or `.safetensors` file."""
        import numpy as np

        from ..nn.checkpoint import save_arrays

        arrays: dict[str, Any] = {
            f"{p}/{slot}": t.array() for p, s in self.state.items() for slot, t in zip(self.slots, s, strict=True)
        }
        save_arrays({**arrays, "step_count": np.array(self.step_count, np.int64)}, path)

    def load(self, path: Any) -> None:
        """Read what `save` wrote; raises one `CheckpointError` with everything that does not fit, and changes nothing then."""
        from ..core.dtypes import dtype_of_numpy
        from ..nn.checkpoint import load_arrays

        arrays = load_arrays(path)
        steps = arrays.pop("step_count", None)
        wanted: dict[str, tuple[tuple[int, ...], Any]] = {}
        paths = {k.rpartition("/")[0] for k in arrays}
        for p, t in self._params:
            dtype = f32 if t.dtype.is_amp else t.dtype
            if p in paths or steps is None or (steps.size == 1 and int(steps) > 0 and self.slots and not paths):
                wanted.update({f"{p}/{slot}": (t.shape, dtype) for slot in self.slots})
        problems = ["missing: step_count"] if steps is None or steps.shape != () else []
        problems += [f"missing: {k}" for k in wanted if k not in arrays] + [
            f"extra: {k}" for k in arrays if k not in wanted
        ]
        for k, (shape, dtype) in wanted.items():
            if k in arrays and (arrays[k].shape != shape or dtype_of_numpy(arrays[k].dtype).storage != dtype.storage):
                problems.append(
                    f"{k}: wanted {dtype.name}{list(shape)}, file has {arrays[k].dtype}{list(arrays[k].shape)}"
                )
        if problems:
            raise CheckpointError(
                f"[{type(self).__name__}] {path} does not fit; nothing was changed:\n  " + "\n  ".join(problems)
            )
        for p, t in self._params:
            if f"{p}/{(self.slots or ('',))[0]}" in arrays:
                self.state[p] = tuple(t.device.tensor(arrays[f"{p}/{slot}"]) for slot in self.slots)
        self.step_count = int(steps) if steps is not None else 0
        self._short = None

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={v}" for k, v in self.options.items() if v is not None and not k.startswith("_"))
        return f"{type(self).__name__}({shown})"


def _check_option(owner: str, name: str, value: Any) -> None:
    if name in ("lr", "eps") and not callable(value) and not value >= 0:
        raise ValueError(f"[{owner}] {name} must not be negative, got {value}")
    if name == "betas" and not all(0.0 <= b < 1.0 for b in value):
        raise ValueError(f"[{owner}] betas lie in [0, 1), got {value}")
    if name == "weight_decay" and value is not None and not isinstance(value, (L2, Decoupled)):
        raise TypeError(f"[{owner}] weight_decay is optim.L2(x) or optim.Decoupled(x), not {value!r}")
