"""Modules: specifications that `dev.build_module` turns into models."""

from ..core.docs import add_examples
from . import init, losses
from .activations import (
    Abs,
    AccurateGeLU,
    Cos,
    Exp,
    FastGeLU,
    GeLU,
    LeakyReLU,
    Ln,
    LogSoftmax,
    Pointwise,
    PReLU,
    PReLU1D,
    ReLU,
    Sigmoid,
    Sin,
    Softmax,
    Sqrt,
    Square,
    Tanh,
)
from .attention import MultiHeadAttention
from .batchnorm import BatchNorm1D, BatchNorm2D
from .build import build
from .conv import Conv1D, Conv2D, ConvTrans2D
from .domains import Channels, Features, Ids
from .dropout import Dropout, DropoutOneIn
from .embedding import Embedding
from .examples import EXAMPLES, LOSSES
from .linear import Bias1D, Bias2D, Linear, MatMul, UnbiasedLinear
from .module import Composite, Module
from .norm import GroupNorm, LayerNorm1D, RMSNorm
from .param import Param
from .pool import AvgPool2D, AvgPoolGlobal, MaxPool2D, MaxPoolGlobal, MinPool2D, MinPoolGlobal, Upscale2D, Upscale2DBy
from .position import LearnedPositionalEncoding, PositionalEncoding
from .recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from .residual import (
    AddInto,
    GeneralizedAdd,
    GeneralizedMul,
    GeneralizedResidual,
    Residual,
    ResidualAdd,
    ResidualMul,
    SplitInto,
)
from .sequential import Repeated, Sequential
from .shape import Flatten2D, Reshape
from .torch_names import load_torch_state_dict, torch_state_dict
from .transformer import (
    Transformer,
    TransformerDecoder,
    TransformerDecoderBlock,
    TransformerEncoder,
    TransformerEncoderBlock,
)

__all__ = [
    "Abs", "AccurateGeLU", "AddInto", "AvgPool2D", "AvgPoolGlobal", "BatchNorm1D", "BatchNorm2D", "Bias1D",
    "Bias2D", "Channels", "Composite", "Conv1D", "Conv2D", "ConvTrans2D", "Cos", "Dropout", "DropoutOneIn",
    "Embedding", "Exp", "FastGeLU", "Features", "Flatten2D", "GRU", "GRUCell", "GeLU", "GeneralizedAdd",
    "GeneralizedMul", "GeneralizedResidual", "GroupNorm", "Ids", "LSTM", "LSTMCell", "LayerNorm1D", "LeakyReLU",
    "LearnedPositionalEncoding", "Linear", "Ln", "LogSoftmax", "MatMul", "MaxPool2D", "MaxPoolGlobal", "MinPool2D",
    "MinPoolGlobal", "Module", "MultiHeadAttention", "PReLU", "PReLU1D", "Param", "Pointwise", "PositionalEncoding",
    "RMSNorm", "RNN", "RNNCell", "ReLU", "Repeated", "Reshape", "Residual", "ResidualAdd", "ResidualMul",
    "Sequential", "Sigmoid", "Sin", "Softmax", "SplitInto", "Sqrt", "Square", "Tanh", "Transformer",
    "TransformerDecoder", "TransformerDecoderBlock", "TransformerEncoder", "TransformerEncoderBlock",
    "UnbiasedLinear", "Upscale2D", "Upscale2DBy", "build", "init", "load_torch_state_dict", "losses",
    "torch_state_dict",
]  # fmt: skip
for _name in __all__:
    if _name not in ("init", "losses"):
        globals()[_name].__module__ = "dfdx.nn"
add_examples(globals(), EXAMPLES, "from dfdx import nn")
add_examples(vars(losses), LOSSES, "from dfdx import losses")
