"""The declared shape rules of the modules in `dfdx.nn`: what a type checker knows of each."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["RULES", "Rule"]

_CONV = "({0}+2*P-Dl*(K-1)-1)//St+1"
_POOL = _CONV
_TRANS = "({0}-1)*St-2*P+Dl*(K-1)+1"
_WINDOW = {"kernel": "K", "stride": "St=1", "padding": "P=0", "dilation": "Dl=1"}


class Rule(NamedTuple):
    """What is known of a module class.

    * `dims`: constructor argument -> the variable of its value; both views keep it.
    * `pf`: the same for arguments whose value only pyrefly's view keeps, with the default after `=`.
    * `domain`: what goes in and out, without tensors: `Features[I] -> Features[O]`, "same", "channels" (kept),
      "pooled" (channels become features), "any".
    * `rows`: (shapes in, shape out) of `forward`; `pf_rows` where pyrefly knows more.
    * `tensors`: attribute -> shape; `training`: whether forward and forward_mut differ in the tape they take.
    * `ids`: takes integers, gives the module's floats.
    """

    dims: dict[str, str] = {}
    domain: str = ""
    rows: tuple[tuple[str, str], ...] = ()
    pf: dict[str, str] = {}
    pf_rows: tuple[tuple[str, str], ...] = ()
    tensors: dict[str, str] = {}
    training: bool = False
    ids: bool = False


def _image(out: str, formula: str) -> tuple[tuple[str, str], ...]:
    return (("*B I H W", f"*B {out} {formula.format('H')} {formula.format('W')}"),)


_SAME = Rule(domain="same", rows=(("S", "S"),))
_CONV2D = Rule(
    {"inp": "I", "out": "O"}, "Channels[I] -> Channels[O]", (("*B I H W", "*B O Any Any"),), _WINDOW, _image("O", _CONV),
    {"weight": "O Any Any Any"},
)  # fmt: skip
_POOL2D = Rule({}, "channels", (("*B I H W", "*B I Any Any"),), _WINDOW, _image("I", _POOL))
_GLOBAL = Rule({}, "pooled", (("*B I H W", "*B I"),))
_ATTENTION = Rule(
    {"model": "I"}, "Features[I] -> Features[I]", (("*B I", "*B I"), ("*B M I, *B N I, *B N P", "*B M I"))
)
_WIDE = Rule({"model": "I"}, "Features[I] -> Features[I]", (("*B I", "*B I"),))
_NORM = Rule({"n": "I"}, "Features[I] -> Features[I]", (("*B I", "*B I"),), tensors={"gamma": "I", "beta": "I"})

RULES: dict[str, Rule] = {
    **dict.fromkeys(
        ("Abs", "AccurateGeLU", "Cos", "Exp", "FastGeLU", "GeLU", "LeakyReLU", "Ln", "LogSoftmax", "PReLU", "PReLU1D", "ReLU",
         "Sigmoid", "Sin", "Softmax", "Sqrt", "Square", "Tanh"), _SAME),
    **dict.fromkeys(("Dropout", "DropoutOneIn"), _SAME._replace(training=True)),
    "Linear": Rule({"inp": "I", "out": "O"}, "Features[I] -> Features[O]", (("*B I", "*B O"),), tensors={"weight": "O I", "bias": "O"}),
    **dict.fromkeys(("UnbiasedLinear", "MatMul"), Rule({"inp": "I", "out": "O"}, "Features[I] -> Features[O]", (("*B I", "*B O"),), tensors={"weight": "O I"})),
    "Bias1D": Rule({"n": "I"}, "Features[I] -> Features[I]", (("*B I", "*B I"),), tensors={"bias": "I"}),
    "Bias2D": Rule({"n": "I"}, "Channels[I] -> Channels[I]", (("*B I H W", "*B I H W"),), tensors={"bias": "I"}),
    "Conv2D": _CONV2D,
    "ConvTrans2D": _CONV2D._replace(pf_rows=_image("O", _TRANS)),
    "Conv1D": Rule({"inp": "I", "out": "O"}, "any", (("*B I H", "*B O Any"),), _WINDOW, (("*B I H", f"*B O {_CONV.format('H')}"),)),
    "BatchNorm1D": Rule({"channels": "I"}, "Features[I] -> Features[I]", (("B I", "B I"), ("B I H", "B I H")), training=True,
                        tensors=dict.fromkeys(("scale", "bias", "running_mean", "running_var"), "I")),
    "BatchNorm2D": Rule({"channels": "I"}, "Channels[I] -> Channels[I]", (("*B I H W", "*B I H W"),), training=True,
                        tensors=dict.fromkeys(("scale", "bias", "running_mean", "running_var"), "I")),
    "LayerNorm1D": _NORM,
    "RMSNorm": _NORM._replace(tensors={"gamma": "I"}),
    "GroupNorm": Rule({"channels": "I"}, "any", (("*B I H W", "*B I H W"),), tensors={"gamma": "I", "beta": "I"}),
    "Embedding": Rule({"vocab": "I", "model": "O"}, "Ids -> Features[O]", (("*B", "*B O"),), tensors={"weight": "I O"}, ids=True),
    **dict.fromkeys(("AvgPool2D", "MaxPool2D", "MinPool2D"), _POOL2D),
    **dict.fromkeys(("AvgPoolGlobal", "MaxPoolGlobal", "MinPoolGlobal"), _GLOBAL),
    "Flatten2D": Rule({}, "Channels[Any] -> Features[Any]", (("*B C H W", "*B Any"),), {}, (("*B C H W", "*B C*H*W"),)),
    "MultiHeadAttention": _ATTENTION, "TransformerEncoder": _WIDE, "TransformerEncoderBlock": _WIDE,
    "PositionalEncoding": _WIDE, "LearnedPositionalEncoding": _WIDE,
}  # fmt: skip
