"""PyTorch's state dictionaries: which of its entries are which of our tensors, as a table, and both ways along it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.dtypes import DTYPES, dtype_of_numpy
from ..core.public import CheckpointError
from .activations import PReLU, PReLU1D
from .attention import MultiHeadAttention
from .batchnorm import BatchNorm2D
from .checkpoint import fill
from .module import Module
from .norm import GroupNorm, RMSNorm
from .recurrent import RNN
from .transformer import TransformerDecoder, TransformerDecoderBlock, TransformerEncoder, TransformerEncoderBlock

__all__ = ["load_torch_state_dict", "torch_state_dict"]

# our paths inside a module of this class, and theirs; what no pattern fits keeps its name
_NORM = ((r"^gamma$", "weight"), (r"^beta$", "bias"))
_BLOCK = ((r"^ff\.0\.0\.", "linear1."), (r"^ff\.0\.2\.", "linear2."), (r"^mh_attn\.", "multihead_attn."))
RENAMED: dict[type[Module], tuple[tuple[str, str], ...]] = {
    RMSNorm: _NORM,
    GroupNorm: _NORM,
    BatchNorm2D: ((r"^scale$", "weight"),),
    PReLU: ((r"^a$", "weight"),),
    PReLU1D: ((r"^a$", "weight"),),
    MultiHeadAttention: ((r"^w_o\.", "out_proj."),),
    TransformerEncoderBlock: _BLOCK,
    TransformerDecoderBlock: _BLOCK,
    TransformerEncoder: ((r"^(\d+)\.", r"layers.\1."),),
    TransformerDecoder: ((r"^0\.(\d+)\.", r"layers.\1."),),
    RNN: ((r"^(\d+)(_reverse)?\.(\w+)$", r"\3_l\1\2"),),
}
# their entries that are several of ours, one after the other on axis 0
JOINED: dict[type[Module], dict[str, tuple[str, ...]]] = {
    MultiHeadAttention: {
        "in_proj_weight": ("w_q.weight", "w_k.weight", "w_v.weight"),
        "in_proj_bias": ("w_q.bias", "w_k.bias", "w_v.bias"),
    }
}
# their entries that we have no use for, and the value they get on the way out
UNUSED: dict[type[Module], dict[str, Any]] = {BatchNorm2D: {"num_batches_tracked": np.int64(0)}}


def load_torch_state_dict(model: Module, state: Mapping[str, Any]) -> None:
    """Fill a built model from the `state_dict()` of a PyTorch module that corresponds to it, in place.

    * `state`: PyTorch tensors or arrays under PyTorch's names. Layouts are ours; MultiHeadAttention's joined projections are
      split, `num_batches_tracked` is left out.

    Raises one `CheckpointError` with all that is missing, extra, mis-shaped or mis-typed; nothing is changed then.

    >>> import dfdx, numpy as np
    >>> from dfdx import nn
    >>> model = dfdx.device("cpu").build_module((nn.LayerNorm1D(2),))
    >>> nn.load_torch_state_dict(model, {"0.weight": np.full(2, 3, "f"), "0.bias": np.zeros(2, "f")})
    >>> model[0].gamma.tolist()
    [3.0, 3.0]
    """
    tensors = {n.path: n.tensor for n in model.named_tensors()}
    entries, unused = _entries(model)
    problems = [f"missing: {k}" for k in entries if k not in state]
    problems += [f"extra: {k}" for k in state if k not in entries and k not in unused]
    arrays: dict[str, Any] = {}
    for theirs, ours in entries.items():
        if theirs in state:
            a = _array(state[theirs])
            wanted = [tensors[o] for o in ours]
            problems += _misfits(theirs, a, wanted)
            cuts = np.cumsum([t.shape[0] if t.rank else 1 for t in wanted])[:-1]
            arrays.update(zip(ours, np.split(a, cuts) if len(ours) > 1 and a.ndim else [a], strict=False))
    if problems:
        raise CheckpointError(
            "[load_torch_state_dict] the state does not fit; nothing was changed:\n  " + "\n  ".join(problems)
        )
    fill(tensors, {k: a.reshape(tensors[k].shape) for k, a in arrays.items()}, "load_torch_state_dict")


def torch_state_dict(model: Module) -> dict[str, Any]:
    """A built model's tensors under PyTorch's names and as PyTorch tensors, for `load_state_dict` of the module that corresponds.

    Raises `ImportError` where PyTorch is not installed.
    """
    try:
        import torch
    except ImportError as e:
        raise ImportError("[torch_state_dict] makes PyTorch tensors: pip install torch") from e
    tensors = {n.path: n.tensor for n in model.named_tensors()}
    entries, unused = _entries(model)
    out = {}
    for theirs, ours in entries.items():
        arrays = [tensors[o].array() for o in ours]
        joined = np.concatenate(arrays) if len(arrays) > 1 else arrays[0]
        narrow = joined.dtype.name == "bfloat16"
        made = torch.from_numpy(np.ascontiguousarray(joined.view(np.int16) if narrow else joined).reshape(joined.shape))
        made = made.view(torch.bfloat16) if narrow else made
        out[theirs] = made if made.ndim or theirs.rpartition(".")[2] != "weight" else made.reshape(1)  # PReLU's a
    return {**out, **{k: torch.tensor(v) for k, v in unused.items()}}


def _entries(module: Module) -> tuple[dict[str, tuple[str, ...]], dict[str, Any]]:
    """(our paths by their name, their unused entries) of a module and its parts."""
    entries: dict[str, tuple[str, ...]] = {name: (name,) for name in module._params}
    unused = dict(_of(UNUSED, module, {}))
    for name, child in module.children():
        inner, more = _entries(child)
        entries.update({f"{name}.{k}": tuple([f"{name}.{o}" for o in ours]) for k, ours in inner.items()})
        unused.update({f"{name}.{k}": v for k, v in more.items()})
    for theirs, ours in _of(JOINED, module, {}).items():
        if all(o in entries for o in ours):
            entries = {theirs: ours, **{k: v for k, v in entries.items() if k not in ours}}
    renames = _of(RENAMED, module, ())
    return {_renamed(k, renames): v for k, v in entries.items()}, {_renamed(k, renames): v for k, v in unused.items()}


def _of(table: Mapping[type[Module], Any], module: Module, default: Any) -> Any:
    return next((table[c] for c in type(module).__mro__ if c in table), default)


def _renamed(path: str, renames: tuple[tuple[str, str], ...]) -> str:
    for pattern, name in renames:
        if re.search(pattern, path):
            return re.sub(pattern, name, path)
    return path


def _array(value: Any) -> np.ndarray[Any, Any]:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":
            return value.float().numpy().astype(DTYPES["bf16"].numpy)  # type: ignore[no-any-return]
        value = value.numpy()
    return np.asarray(value)


def _misfits(name: str, a: np.ndarray[Any, Any], wanted: list[Any]) -> list[str]:
    """In words, what of an entry's shape and dtype does not fit the tensors that it fills."""
    first = wanted[0]
    shape = (sum(t.shape[0] for t in wanted), *first.shape[1:]) if first.rank else ()
    problems = []
    if a.shape != shape and not a.size == first.numel == len(wanted) == 1:
        problems.append(f"shape of {name}: wanted {list(shape)}, the state has {list(a.shape)}")
    if dtype_of_numpy(a.dtype).storage != first.dtype.storage:
        hint = "model.to_dtype(...) gives a model of that dtype"
        problems.append(f"dtype of {name}: wanted {first.dtype.name}, the state has {a.dtype} ({hint})")
    return problems
