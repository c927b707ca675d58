"""Where gradients are kept: by tensor id, accumulating until they are zeroed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .cell import new_cell
from .door import recorders
from .errors import GradientError, MissingGradientError
from .inplace import accumulate
from .tensor import wrap

if TYPE_CHECKING:
    from .device import Device
    from .tape import Tape
    from .tensor import Tensor
    from .types import TensorType

__all__ = ["Gradients"]


class Gradients:
    """Gradients by tensor, as `model.alloc_grads()` or `Gradients.leaky()` makes them.

    With leaves (a model's parameters) only what they need is computed and kept; a leaky one keeps everything.

    >>> import dfdx
    >>> x = dfdx.device("cpu").tensor([3.0])
    >>> grads = (x.traced() * x).sum().backward()
    >>> grads.get(x).tolist()
    [6.0]
    """

    __module__ = "dfdx"
    __slots__ = ("_arrays", "_leaves", "_owned", "_passes", "_store", "keeps_results")

    def __init__(self, leaves: Iterable[Tensor] | None = ()) -> None:
        self._leaves: dict[int, Tensor] | None = None if leaves is None else {t.id: t.detach() for t in leaves}
        self._store: dict[int, Tensor] = {}
        self._arrays: dict[int, Any] = {}  # of leaves: what backward left, until somebody wants a tensor
        self._owned: set[int] = set()  # ids whose stored array nobody else has seen
        self._passes: dict[Any, Any] = {}  # plans of a tape -> how often it came, or its pass as one function
        self.keeps_results = leaves is None or any(id & 1 for id in self._leaves or ())  # not only leaves

    @classmethod
    def leaky(cls) -> Gradients:
        """Gradients that keep those of every recorded value."""
        return cls(None)

    @property
    def is_leaky(self) -> bool:
        return self._leaves is None

    def retain(self, what: Any) -> Gradients:
        """Also keep the gradients of a tensor or of a module's trainable parameters; returns itself."""
        if self._leaves is not None:
            for t in [what] if hasattr(what, "_cell") else what.trainable_tensors():
                self._leaves.setdefault(t.id, t.detach())
                self.keeps_results |= bool(t.id & 1)
            self._passes.clear()  # their texts know which inputs are leaves
        return self

    def needs(self, id: int) -> bool:
        """Whether the gradient of this id is to be kept."""
        return self._leaves is None or id in self._leaves

    def __contains__(self, tensor: Tensor) -> bool:
        return self.received(tensor) or (self._leaves is not None and tensor.id in self._leaves)

    def __len__(self) -> int:
        return len(self._tensors())

    def received(self, tensor: Tensor) -> bool:
        """Whether a backward pass reached this tensor since the gradients were allocated or zeroed."""
        return tensor.id in self._arrays or tensor.id in self._tensors()

    def get(self, tensor: Tensor) -> Tensor:
        """A snapshot of the gradient of `tensor`, of its shape and dtype: zeros for a leaf that nothing reached.

        Raises `MissingGradientError` if no gradient of it is kept.
        """
        found = self._tensors().get(tensor.id)
        if found is not None:
            self._owned.discard(tensor.id)
            tape = found._tape
            return found.detach() if tape is None else found._alias(type(tape)(None, list(tape.entries)), found._serial)
        if self._leaves is not None and tensor.id in self._leaves:
            return tensor.device.zeros(tensor.shape, tensor.dtype)
        kept = (
            "a leaky tape keeps all that was recorded"
            if self._leaves is None
            else "grads.retain(x) before tracing keeps more than the parameters"
        )
        raise MissingGradientError(f"[get] no gradient of {tensor.type_text} (id {tensor.id}) is kept\n  hint: {kept}")

    def peek(self, tensor: Tensor) -> Tensor | None:
        """The stored gradient itself, for optimizers, which read it at once; None if nothing reached the tensor."""
        return self._tensors().get(tensor.id)

    def zero(self, tensors: Iterable[Tensor]) -> None:
        """Forget what these tensors received."""
        for recorder in recorders:
            recorder.touch(self)
        arrays, store, owned = self._arrays, self._store, self._owned
        for t in tensors:
            id = t.id
            arrays.pop(id, None)
            if store:
                store.pop(id, None)
                owned.discard(id)

    def owns(self, id: int) -> bool:
        """Whether nobody else has seen the stored array."""
        return id in self._owned

    # ----- what backward passes leave

    def _tensors(self) -> dict[int, Tensor]:
        """All gradients as tensors by id."""
        for recorder in recorders:
            recorder.touch(self)
        if self._arrays:
            assert self._leaves is not None
            for id, array in self._arrays.items():
                leaf = self._leaves[id]
                self._store[id] = wrap(new_cell(array), leaf._type, leaf.device)
            self._arrays.clear()
        return self._store

    def keep_leaf(self, id: int, array: Any, owned: bool) -> None:
        """Add an array to what is stored of a leaf; `owned` says that nobody else holds it."""
        if owned and id not in self._arrays and id not in self._store and not recorders:
            self._arrays[id] = array
            self._owned.add(id)
            return
        assert self._leaves is not None
        leaf = self._leaves[id]
        self.keep(id, array, leaf._type, leaf.device, owned)

    def keep(self, id: int, array: Any, type_: TensorType, device: Device, owned: bool) -> None:
        """Add an array to what is stored of any value."""
        self.keep_tensor(id, wrap(new_cell(array), type_, device), owned)

    def keep_tensor(self, id: int, g: Tensor, owned: bool = False) -> None:
        """Add a tensor to what is stored."""
        former = self._tensors().get(id)
        if former is None:
            self._store[id] = g
            if owned:
                self._owned.add(id)
        else:
            self._store[id] = accumulate(former, g, id in self._owned)
            self._owned.add(id)

    def hand_out(self, tape: Tape) -> None:
        """The stored gradients own the recorded tape; `get` gives each caller a copy."""
        for id, g in self._tensors().items():
            if g._tape is tape:
                self._store[id] = g._alias(tape, g._serial)
                self._owned.discard(id)

    def all_finite(self) -> bool:
        """Whether no stored gradient has an infinity or a NaN."""
        return all(bool(g.detach().isfinite().all()) for g in self._tensors().values())

    def clip_value_(self, limit: float) -> Gradients:
        """Clip every element to [-limit, limit]; returns itself."""
        if not limit >= 0:
            raise GradientError(f"[clip_value_] the limit must not be negative, got {limit}")
        for id, g in self._tensors().items():
            self._store[id] = g.detach().clamp(-limit, limit)
        return self

    def scale_(self, factor: float) -> Gradients:
        """Multiply every gradient; returns itself."""
        for id, g in self._tensors().items():
            self._store[id] = g.detach() * factor
            self._owned.discard(id)
        return self

    def clip_norm_(self, limit: float) -> float:
        """Scale all gradients together so that their Euclidean norm is at most `limit`; returns the norm before.

        Source: `torch.nn.utils.clip_grad_norm_`.
        """
        if not limit >= 0:
            raise GradientError(f"[clip_norm_] the limit must not be negative, got {limit}")
        squares = [
            float(g.detach().to_dtype("f64" if g.device.supports("f64") else "f32").square().sum())
            for g in self._tensors().values()
        ]
        norm = float(sum(squares)) ** 0.5
        scale = limit / (norm + 1e-6)
        if scale < 1.0:
            self.scale_(scale)
        return norm

    def __repr__(self) -> str:
        kind = "leaky" if self._leaves is None else f"{len(self._leaves)} leaves"
        return f"Gradients({kind}, {len(self)} received)"
