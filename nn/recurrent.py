"""Recurrent cells and layers: what they do is an expression of gates; all else is shared.

Weights and gates are laid out as PyTorch's: `weight_ih` (gates * hidden, inp), `weight_hh` (gates * hidden, hidden).
"""

from __future__ import annotations

from typing import Any

from ..core.checks import shape_error
from ..core.dispatch import apply
from ..core.elementwise import Elementwise
from ..core.expr import arg, select
from ..core.expr import functions as F
from ..core.public import ShapeError, Tensor, concat, linear, stack
from ..core.registry import register
from . import init
from .calling import again
from .dims import Known, one
from .dropout import Dropout
from .module import Composite, Module
from .param import Param

__all__ = ["GRU", "GRUCell", "LSTM", "LSTMCell", "RNN", "RNNCell"]


def _gate(i: int) -> Any:
    """What the input (arg 2i) and the state (arg 2i + 1) give to gate i, added."""
    return arg(2 * i) + arg(2 * i + 1)


def _lstm() -> tuple[Any, Any]:
    i, f, g, o = F.sigmoid(_gate(0)), F.sigmoid(_gate(1)), F.tanh(_gate(2)), F.sigmoid(_gate(3))
    c = f * arg(8) + i * g
    return o * F.tanh(c), c


def _gru() -> Any:
    r, z = F.sigmoid(_gate(0)), F.sigmoid(_gate(1))
    n = F.tanh(arg(4) + r * arg(5))
    return (1.0 - z) * n + z * arg(6)


def _cell(name: str, outputs: Any, n_args: int, doc: str) -> Any:
    return register(Elementwise(name, outputs, n_args, family="recurrent", doc=doc))


_TANH = _cell("rnn_cell", F.tanh(_gate(0)), 2, "tanh(x + h).")
_RELU = _cell("rnn_relu_cell", select(_gate(0) <= 0.0, 0.0, _gate(0)), 2, "relu(x + h); the gradient at 0 is 0.")
_GRU = _cell("gru_cell", _gru(), 7, "(1 - z) n + z h, of the gates r, z, n.")
_LSTM = _cell("lstm_cell", _lstm(), 9, "(h, c) of the gates i, f, g, o and the former c.")


class RNNCell(Module):
    """One step: h becomes tanh(W_ih x + b_ih + W_hh h + b_hh). Source: PyTorch `nn.RNNCell`.

    * `inp`: features of the input; `hidden`: of the state; `bias`: whether there are biases; `relu` instead of tanh.

    Called with x (B, inp) and h (B, hidden), zeros if left out; gives the new h.
    Parameters: `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`, all uniform in ±1/sqrt(hidden).
    """

    gates = states = 1
    remembers: tuple[int, ...] = ()  # the states that the expression reads besides the gates

    def __init__(self, inp: int, hidden: int, bias: bool = True, relu: bool = False) -> None:
        self.inp, self.hidden = inp, hidden
        self.op: Any = _RELU if relu else _TANH
        uniform, n = init.uniform(hidden**-0.5 if hidden else 0.0), self.gates * hidden
        self.weight_ih: Any = Param((n, inp), uniform)
        self.weight_hh: Any = Param((n, hidden), uniform)
        self.bias_ih: Any = Param((n,), uniform) if bias else None
        self.bias_hh: Any = Param((n,), uniform) if bias else None

    def settings(self) -> str:
        flags = ", bias=False" * (self.bias_ih is None) + ", relu=True" * (self.op is _RELU)
        return f"{self.inp}, {self.hidden}" + flags

    def propagate(self, known: Any) -> Any:
        h = one(known).need(self, "features", last=self.inp).give(self, last=self.hidden)
        return h if self.states == 1 else (h, h)

    def forward(self, x: Tensor, state: Any = None) -> Any:
        state = self.start(x, x.shape[:-1], state)
        new = self.advance(self.parts(x), state)
        return new if self.states > 1 else new[0]

    def start(self, x: Tensor, batch: tuple[int, ...], state: Any) -> tuple[Tensor, ...]:
        """The state as a tuple; zeros, recorded where x is, if there is none."""
        shape = (*batch, self.hidden)
        if state is None:
            zeros = [x.device.zeros(shape, x.dtype) for _ in range(self.states)]
            return tuple(zeros if x._serial is None else [z.retaped() for z in zeros])
        given = (state,) if isinstance(state, Tensor) else tuple(state)
        if len(given) != self.states or any(h.shape != shape for h in given):
            has = ", ".join(h.type_text for h in given)
            raise ShapeError(f"[{type(self).__name__}] takes {self.states} states of shape {list(shape)}, not {has}")
        return given

    def parts(self, x: Tensor) -> list[Tensor]:
        """What x gives to each gate."""
        return list(self._split(linear(x, self.weight_ih, self.bias_ih)))

    def advance(self, parts: list[Tensor], state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The new state."""
        from_state = self._split(linear(again(state[0]), self.weight_hh, self.bias_hh))
        pairs = [t for pair in zip(parts, from_state, strict=True) for t in pair]
        out = apply(self.op, (*pairs, *[again(state[i]) for i in self.remembers]), ())
        return out if isinstance(out, tuple) else (out,)

    def _split(self, gates: Tensor) -> tuple[Tensor, ...]:
        if self.gates == 1:
            return (gates,)
        return gates.reshape((*gates.shape[:-1], self.gates, self.hidden)).unstack(-2)  # type: ignore[no-any-return]


class GRUCell(RNNCell):
    """One step with a reset, an update and a new gate. Source: arXiv 1406.1078; PyTorch `nn.GRUCell`.

    Arguments, call and parameters are those of `RNNCell`.
    """

    gates, remembers = 3, (0,)

    def __init__(self, inp: int, hidden: int, bias: bool = True) -> None:
        super().__init__(inp, hidden, bias)
        self.op = _GRU


class LSTMCell(RNNCell):
    """One step with input, forget, cell and output gates; the state is (h, c). Source: PyTorch `nn.LSTMCell`.

    Arguments and parameters are those of `RNNCell`; called with x and (h, c), gives the new (h, c).
    """

    gates, states, remembers = 4, 2, (1,)

    def __init__(self, inp: int, hidden: int, bias: bool = True) -> None:
        super().__init__(inp, hidden, bias)
        self.op = _LSTM


class RNN(Composite):
    """Layers of cells, run over a sequence. Source: PyTorch `nn.RNN(batch_first=True)`.

    * `inp`, `hidden`: features of the input, and of each state; `layers`: how many; `bias`: whether there are biases.
    * `bidirectional`: each layer also runs backwards, and gives both states, one after the other.
    * `dropout`: probability for each output of a layer that another one reads.
    * `return_state`: give (outputs, state), where the state is (layers * directions, B, hidden); of a traced input the outputs
      have the tape, and the state merges into it.

    Called with x (B, S, inp) or (S, inp) and, if wanted, `state`; gives (B, S, directions * hidden).
    Sub-modules: the cells, `0`, `1`, ..., and `0_reverse`, `1_reverse`, ...

    >>> import dfdx
    >>> from dfdx import nn
    >>> dev = dfdx.device("cpu")
    >>> dev.build_module(nn.GRU(4, 8, layers=2))(dev.ones((3, 5, 4))).shape
    (3, 5, 8)
    """

    cell: type[RNNCell] = RNNCell

    def __init__(
        self, inp: int, hidden: int, layers: int = 1, bias: bool = True, bidirectional: bool = False, return_state: bool = False,
        dropout: float = 0.0, **options: Any,
    ) -> None:  # fmt: skip
        self.inp, self.hidden, self.layers, self.return_state = inp, hidden, layers, return_state
        self.directions = ("", "_reverse") if bidirectional else ("",)
        for i in range(layers):
            width = hidden * len(self.directions) if i else inp
            for direction in self.directions:
                object.__setattr__(self, f"{i}{direction}", self.cell(width, hidden, bias, **options))
        if dropout:
            self.dropout: Any = Dropout(dropout)

    def settings(self) -> str:
        more = f", layers={self.layers}" * (self.layers > 1) + ", bidirectional=True" * (len(self.directions) > 1)
        return f"{self.inp}, {self.hidden}" + more

    def propagate(self, known: Any) -> Any:
        y = one(known).need(self, "features", last=self.inp).give(self, last=self.hidden * len(self.directions))
        return (y, Known()) if self.return_state else y

    def flow(self, call: Any, x: Tensor, state: Any = None) -> Any:
        if x.rank not in (2, 3) or not x.shape[-2] or x.shape[-1] != self.inp:
            name, fact = type(self).__name__, {"x": f"x.shape = {list(x.shape)}"}
            raise shape_error(name, f"takes (B, S, {self.inp}) or (S, {self.inp})", {"x": x}, fact)
        batched = x.rank == 3
        x = x if batched else x.reshape((1, *x.shape))
        first, last = self._started(x, state, batched), []
        for i in range(self.layers):
            ways = []
            for direction in self.directions:
                cell = self.__dict__[f"{i}{direction}"]
                outputs, final = _scan(cell, again(x), next(first), bool(direction))
                ways.append(outputs)
                last.append(final)
            x = ways[0] if len(ways) == 1 else concat(ways, -1)
            if "dropout" in self.__dict__ and i < self.layers - 1:
                x = call(self.dropout, x)
        y = x if batched else x.reshape(x.shape[1:])
        return (y, self._finals(last, batched)) if self.return_state else y

    def _started(self, x: Tensor, state: Any, batched: bool) -> Any:
        """A first state, or None, for each cell."""
        n = self.layers * len(self.directions)
        if state is None:
            return iter([None] * n)
        given = (state,) if isinstance(state, Tensor) else tuple(state)
        shape = (n, x.shape[0], self.hidden) if batched else (n, self.hidden)
        if len(given) != self.cell.states or any(h.shape != shape for h in given):
            has = ", ".join(h.type_text for h in given)
            raise ShapeError(
                f"[{type(self).__name__}] takes {self.cell.states} states of shape {list(shape)}, not {has}"
            )
        return zip(*[(h if batched else h.reshape((n, 1, self.hidden))).unstack(0) for h in given], strict=True)

    def _finals(self, last: list[tuple[Tensor, ...]], batched: bool) -> Any:
        states = [stack([again(h) for h in each]) for each in zip(*last, strict=True)]
        states = states if batched else [h.reshape((h.shape[0], self.hidden)) for h in states]
        return states[0] if len(states) == 1 else tuple(states)


class GRU(RNN):
    """As `RNN`, of `GRUCell`s. Source: PyTorch `nn.GRU(batch_first=True)`."""

    cell = GRUCell


class LSTM(RNN):
    """As `RNN`, of `LSTMCell`s; the state is a tuple (h, c). Source: PyTorch `nn.LSTM(batch_first=True)`."""

    cell = LSTMCell


def _scan(cell: RNNCell, x: Tensor, state: Any, backwards: bool) -> tuple[Tensor, tuple[Tensor, ...]]:
    """(all states (B, S, hidden), the final state) of a cell over x (B, S, inp)."""
    b, s, g = x.shape[0], x.shape[1], cell.gates
    state = cell.start(x, (b,), state)
    gates = linear(x, cell.weight_ih, cell.bias_ih).reshape((b, s, g, cell.hidden)).permute((1, 2, 0, 3))
    parts = gates.reshape((s * g, b, cell.hidden)).unstack(0)
    outputs = []
    for t in reversed(range(s)) if backwards else range(s):
        state = cell.advance(list(parts[t * g : t * g + g]), state)
        outputs.append(state[0])
    return stack(outputs[::-1] if backwards else outputs, 1), state
