"""What optimizers share: one fused launch per parameter, state by dotted path, all checks before any change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from ..core.door import replayed, watched
from ..core.dtypes import f32
from ..core.expr import Expr, arg, program_of, scalar
from ..core.inplace import update
from ..core.public import GradientError, Gradients, Tensor, UnusedParamsError
from ..core.types import TensorType
from ..core.updates import Job, updates
from ..nn.param import changes
from . import files
from .options import L2, Decoupled, Group, Options
from .scaler import LossScaler
from .schedules import Schedule

__all__ = ["Optimizer"]

State = dict[str, Expr]


class _Param(NamedTuple):
    path: str
    tensor: Tensor
    group: Group


class Optimizer:
    """Base of all optimizers. A subclass writes `rule`, and `slots` and `values` if it has state and numbers of its own.

    * `model`: a built module; `update` refuses any other instance.
    * `lr`: a number, or a schedule: a function of the number of updates before.
    * `weight_decay`: None, `L2(d)` or `Decoupled(d)`.
    * `groups`: {path prefix: {option: value}} for parameters that differ; the longest prefix wins.

    State is kept in the parameter's dtype, for `amp_*` in f32. Each parameter counts its own updates.

    >>> import dfdx
    >>> from dfdx import nn, optim
    >>> class Plain(optim.Optimizer):
    ...     def rule(self, p, g, state, numbers, options):
    ...         return numbers["lr"] * g, {}
    >>> model = dfdx.device("cpu").build_module(nn.Linear(2, 1))
    >>> Plain(model, lr=0.1)
    Plain(lr=0.1)
    """

    numbers: ClassVar[tuple[str, ...]] = ("lr",)  # names of what `values` gives
    plain_decay: ClassVar[type[Decoupled] | type[L2] | None] = None  # what a number means as `weight_decay`

    def __init__(
        self, model: Any, *, lr: float | Schedule, weight_decay: Any = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None, **options: Any,
    ) -> None:  # fmt: skip
        self._model = model
        trained = {n.path: n.tensor for n in model.named_tensors() if n.trainable}
        given = {"lr": lr, "weight_decay": weight_decay, **options}
        self._options = Options(type(self).__name__, given, groups or {}, self.plain_decay, list(trained))
        self._params = [_Param(path, t, self._options.of(path)) for path, t in trained.items()]
        self.step_count = 0
        self._structure = changes[0]
        self.missed: dict[str, int] = dict.fromkeys(trained, 0)  # updates in which a parameter had no gradient
        self.state: dict[str, dict[str, Tensor]] = {}
        self._short: Any = None  # all updates as one function, once they have run
        self.recount()

    # ----- what a subclass writes

    def slots(self, options: Mapping[str, Any]) -> Mapping[str, float]:
        """Names of the state tensors of a parameter with these options, and what they start at."""
        return {}

    def values(self, lr: float, t: int, options: Mapping[str, Any]) -> tuple[float, ...]:
        """The `numbers` of a parameter's update t, counted from 1."""
        return (lr,)

    def rule(
        self, p: Expr, g: Expr, state: State, numbers: dict[str, Expr], options: Mapping[str, Any]
    ) -> tuple[Expr, State]:
        """(step to subtract from p, new state) as expressions."""
        raise NotImplementedError(f"{type(self).__name__} has no rule")

    def decayed(self, step: Expr, p: Expr, numbers: dict[str, Expr], decay: float) -> Expr:
        """The step with decoupled weight decay."""
        return step + (numbers["lr"] * decay) * p

    # ----- options

    @property
    def lr(self) -> Any:
        """The learning rate, or its schedule; can be set, also between steps."""
        return self._options.base["lr"]

    @lr.setter
    def lr(self, value: float | Schedule) -> None:
        self._options.set("lr", value)

    @property
    def options(self) -> Mapping[str, Any]:
        """All options of parameters outside of groups."""
        return dict(self._options.base)

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={v}" for k, v in self._options.base.items() if v is not None)
        return f"{type(self).__name__}({shown})"

    # ----- the step

    def update(self, model: Any, grads: Gradients, allow_unused: bool = False, *, scale: float = 1.0) -> None:
        """One step on all trainable parameters, in place.

        * `grads`: from `backward()`.
        * `allow_unused`: leave parameters without a gradient, and their state, as they are.
        * `scale`: what gradients are multiplied by as they are read, in the precision of the step.

        Raises `GradientError` for another model's instance and `UnusedParamsError` naming the parameters without a
        gradient; nothing is updated then.
        """

        def numbers() -> tuple[float, ...]:
            return self._advance(scale)

        if self._structure != changes[0]:
            self._drop_frozen()
        if self._short is not None and model is self._model and not watched and self._short(grads, numbers):
            return
        self._check(model, grads)
        found = [grads.peek(p.tensor) for p in self._params]
        unused = [p.path for p, g in zip(self._params, found, strict=True) if g is None]
        if unused and not allow_unused:
            raise UnusedParamsError(
                f"[{type(self).__name__}] no gradient reached: {', '.join(unused)}\n"
                "  hint: use them in the loss, model.freeze(path) excludes them, update(..., allow_unused=True) skips them"
            )
        self._run(found, replayed(numbers), bool(unused))
        for path in unused:
            self.missed[path] += 1
        if unused:
            self.recount()

    def _check(self, model: Any, grads: Any) -> None:
        name = type(self).__name__
        if model is not self._model:
            raise GradientError(f"[{name}] this optimizer was made for another model instance; make one per model")
        if not isinstance(grads, Gradients):
            raise GradientError(f"[{name}] update takes the Gradients of backward(), not {type(grads).__name__}")

    def _run(self, found: list[Tensor | None], numbers: tuple[float, ...], partly: bool) -> None:
        """Update the parameters that have a gradient; if all do, make one function of it for gradients that nobody looked at."""
        jobs = []
        for p, g, k in zip(self._params, found, self._counts_of, strict=True):
            if g is not None:
                state = self._state(p)
                if p.tensor.numel:
                    n = len(self.numbers) + 1
                    job = Job(self._program(p, state, g), (p.tensor, *state), g, k * n)
                    update(job.program, job.targets, (g,), numbers[job.at : job.at + n], type(self).__name__)
                    jobs.append(job)
        if self._short is None and not partly and not watched:
            self._short = updates(jobs, len(numbers), type(self).__name__)

    def _drop_frozen(self) -> None:
        """Leave parameters alone that were frozen since."""
        self._structure = changes[0]
        trained = {t.id for t in self._model.trainable_tensors()}
        kept = [p for p in self._params if p.tensor.id in trained]
        if len(kept) < len(self._params):
            self._params = kept
            self.recount()

    def recount(self) -> None:
        """Find anew which parameters share their numbers: those with the same options and as many updates."""
        counts = [(p.group, self.missed[p.path]) for p in self._params]
        self._counts = list(dict.fromkeys(counts))
        self._counts_of = [self._counts.index(c) for c in counts]
        self._short = None

    def _advance(self, scale: float) -> tuple[float, ...]:
        """Count the update; its numbers and the scale, for each of `_counts`. A schedule that raises changes nothing."""
        found: list[float] = []
        for group, missed in self._counts:
            lr = group.options["lr"]
            lr = lr(self.step_count) if callable(lr) else lr
            found += (*self.values(lr, self.step_count + 1 - missed, group.options), scale)
        self.step_count += 1
        return tuple(found)

    def _state(self, p: _Param) -> tuple[Tensor, ...]:
        state = self.state.get(p.path)
        if state is None:
            type_ = TensorType(p.tensor.shape, state_dtype(p.tensor))
            start = self.slots(p.group.options).items()
            state = self.state[p.path] = {k: p.tensor.device.kept(type_, v) for k, v in start}
        return tuple(state.values())

    def _program(self, p: _Param, state: tuple[Tensor, ...], g: Tensor) -> Any:
        """The rule for these dtypes: over (p, state, gradient) and (numbers, scale), giving the new p and state."""
        key = (p.tensor.dtype, g.dtype)
        found = p.group.programs.get(key)
        if found is None:
            n, options = len(self.numbers), p.group.options
            numbers = {k: scalar(i) for i, k in enumerate(self.numbers)}
            names = list(self.slots(options))
            before = {k: arg(1 + i) for i, k in enumerate(names)}
            decay, gradient = options["weight_decay"], arg(1 + len(names)) * scalar(n)
            if isinstance(decay, L2):
                gradient = gradient + decay.decay * arg(0)
            step, after = self.rule(arg(0), gradient, before, numbers, options)
            if isinstance(decay, Decoupled):
                step = self.decayed(step, arg(0), numbers, decay.decay)
            dtypes = (p.tensor.dtype, *[s.dtype for s in state])
            outputs = (arg(0) - step, *[after[k] for k in names])
            found = p.group.programs[key] = program_of(outputs, (*dtypes, g.dtype), dtypes, n + 1)
        return found

    # ----- files

    def save(self, path: Any, scaler: LossScaler | None = None) -> None:
        """Write the state, the counts, and where the device's random numbers stand, to an `.npz` or `.safetensors` file.

        * `scaler`: its factor and count of good steps are written, too.
        """
        files.save(self, path, scaler)

    def load(self, path: Any, scaler: LossScaler | None = None) -> None:
        """Read what `save` wrote; training goes on as it would have, to the bit on the CPU, dropout masks included.

        * `scaler`: given if and only if one was saved.

        Raises one `CheckpointError` with everything that does not fit, and changes nothing then.
        """
        files.load(self, path, scaler)


def state_dtype(tensor: Tensor) -> Any:
    """Of the state that belongs to a parameter."""
    return f32 if tensor.dtype.is_amp else tensor.dtype
