"""An example for each module whose docstring has none: a line that is run, and what it shows. Doctests check them."""

from __future__ import annotations

__all__ = ["EXAMPLES", "LOSSES"]

EXAMPLES = {
    "Abs": ("dev.build_module(nn.Abs())(dev.tensor([0.5, 1.0, 2.0]))", "tensor([0.5, 1. , 2. ], f32[3] on cpu)"),
    "AccurateGeLU": (
        "dev.build_module(nn.AccurateGeLU())(dev.tensor([0.5, 1.0, 2.0]))",
        "tensor([0.3457, 0.8413, 1.9545], f32[3] on cpu)",
    ),
    "Cos": (
        "dev.build_module(nn.Cos())(dev.tensor([0.5, 1.0, 2.0]))",
        "tensor([ 0.8776,  0.5403, -0.4161], f32[3] on cpu)",
    ),
    "Exp": (
        "dev.build_module(nn.Exp())(dev.tensor([0.5, 1.0, 2.0]))",
        "tensor([1.6487, 2.7183, 7.3891], f32[3] on cpu)",
    ),
    "FastGeLU": (
        "dev.build_module(nn.FastGeLU())(dev.tensor([0.5, 1.0, 2.0]))",
        "tensor([0.3457, 0.8412, 1.9546], f32[3] on cpu)",
    ),
    "GeLU": (
        "dev.build_module(nn.GeLU())(dev.tensor([0.5, 1.0, 2.0]))",
        "tensor([0.3457, 0.8413, 1.9545], f32[3] on cpu)",
    ),
    "LeakyReLU": (
        "dev.build_module(nn.LeakyReLU())(dev.tensor([0.5, 1.0, 2.0]))",
        "tensor([0.5, 1. , 2. ], f32[3] on cpu)",
    ),
    "Ln": (
        "dev.build_module(nn.Ln())(dev.tensor([0.5, 1.0, 2.0]))",
        "tensor([-0.6931,  0.    ,  0.6931], f32[3] on cpu)",
    ),
    "LogSoftmax": (
        "dev.build_module(nn.LogSoftmax())(dev.tensor([0.5, 1.0, 2.0]))",
        "tensor([-1.9644, -1.4644, -0.4644], f32[3] on cpu)",
    ),
    "PReLU": ("dev.build_module(nn.PReLU())(dev.tensor([0.5, 1.0, 2.0]))", "tensor([0.5, 1. , 2. ], f32[3] on cpu)"),
    "ReLU": ("dev.build_module(nn.ReLU())(dev.tensor([0.5, 1.0, 2.0]))", "tensor([0.5, 1. , 2. ], f32[3] on cpu)"),
    "Sigmoid": (
        "dev.build_module(nn.Sigmoid())(dev.tensor([0.5, 1.0, 2.0]))",
        "tensor([0.6225, 0.7311, 0.8808], f32[3] on cpu)",
    ),
    "Sin": (
        "dev.build_module(nn.Sin())(dev.tensor([0.5, 1.0, 2.0]))",
        "tensor([0.4794, 0.8415, 0.9093], f32[3] on cpu)",
    ),
    "Softmax": (
        "dev.build_module(nn.Softmax())(dev.tensor([0.5, 1.0, 2.0]))",
        "tensor([0.1402, 0.2312, 0.6285], f32[3] on cpu)",
    ),
    "Sqrt": (
        "dev.build_module(nn.Sqrt())(dev.tensor([0.5, 1.0, 2.0]))",
        "tensor([0.7071, 1.    , 1.4142], f32[3] on cpu)",
    ),
    "Square": (
        "dev.build_module(nn.Square())(dev.tensor([0.5, 1.0, 2.0]))",
        "tensor([0.25, 1.  , 4.  ], f32[3] on cpu)",
    ),
    "Tanh": (
        "dev.build_module(nn.Tanh())(dev.tensor([0.5, 1.0, 2.0]))",
        "tensor([0.4621, 0.7616, 0.964 ], f32[3] on cpu)",
    ),
    "AvgPool2D": ("dev.build_module(nn.AvgPool2D(2, stride=2))(dev.ones((2, 3, 8, 8))).shape", "(2, 3, 4, 4)"),
    "MaxPool2D": ("dev.build_module(nn.MaxPool2D(2, stride=2))(dev.ones((2, 3, 8, 8))).shape", "(2, 3, 4, 4)"),
    "MinPool2D": ("dev.build_module(nn.MinPool2D(2, stride=2))(dev.ones((2, 3, 8, 8))).shape", "(2, 3, 4, 4)"),
    "AvgPoolGlobal": ("dev.build_module(nn.AvgPoolGlobal())(dev.ones((2, 3, 8, 8))).shape", "(2, 3)"),
    "MaxPoolGlobal": ("dev.build_module(nn.MaxPoolGlobal())(dev.ones((2, 3, 8, 8))).shape", "(2, 3)"),
    "MinPoolGlobal": ("dev.build_module(nn.MinPoolGlobal())(dev.ones((2, 3, 8, 8))).shape", "(2, 3)"),
    "BatchNorm1D": ("dev.build_module(nn.BatchNorm1D(3))(dev.ones((4, 3))).shape", "(4, 3)"),
    "BatchNorm2D": ("dev.build_module(nn.BatchNorm2D(3))(dev.ones((2, 3, 8, 8))).shape", "(2, 3, 8, 8)"),
    "Bias1D": ("dev.build_module(nn.Bias1D(3))(dev.ones((4, 3))).shape", "(4, 3)"),
    "Bias2D": ("dev.build_module(nn.Bias2D(3))(dev.ones((2, 3, 8, 8))).shape", "(2, 3, 8, 8)"),
    "Dropout": ("dev.build_module(nn.Dropout(0.5))(dev.ones((3,)))", "tensor([1., 1., 1.], f32[3] on cpu)"),
    "DropoutOneIn": ("nn.DropoutOneIn(4).p", "0.25"),
    "Embedding": ("dev.build_module(nn.Embedding(10, 4))(dev.tensor([1, 7, 1])).shape", "(3, 4)"),
    "Flatten2D": ("dev.build_module(nn.Flatten2D())(dev.ones((2, 3, 8, 8))).shape", "(2, 192)"),
    "GRU": ("dev.build_module(nn.GRU(4, 8))(dev.ones((3, 5, 4))).shape", "(3, 5, 8)"),
    "GRUCell": ("dev.build_module(nn.GRUCell(4, 8))(dev.ones((3, 4))).shape", "(3, 8)"),
    "LSTM": ("dev.build_module(nn.LSTM(4, 8))(dev.ones((3, 5, 4))).shape", "(3, 5, 8)"),
    "LSTMCell": ("[h.shape for h in dev.build_module(nn.LSTMCell(4, 8))(dev.ones((3, 4)))]", "[(3, 8), (3, 8)]"),
    "RNNCell": ("dev.build_module(nn.RNNCell(4, 8))(dev.ones((3, 4))).shape", "(3, 8)"),
    "GeneralizedMul": (
        "dev.build_module(nn.GeneralizedMul(nn.Linear(3, 2), nn.Linear(3, 2)))(dev.ones((4, 3))).shape",
        "(4, 2)",
    ),
    "ResidualMul": ("dev.build_module(nn.ResidualMul(nn.Linear(3, 3)))(dev.ones((4, 3))).shape", "(4, 3)"),
    "GroupNorm": ("dev.build_module(nn.GroupNorm(3, 6))(dev.ones((2, 6, 8, 8))).shape", "(2, 6, 8, 8)"),
    "LayerNorm1D": ("dev.build_module(nn.LayerNorm1D(3))(dev.ones((4, 3))).shape", "(4, 3)"),
    "RMSNorm": ("dev.build_module(nn.RMSNorm(3))(dev.ones((4, 3))).shape", "(4, 3)"),
    "LearnedPositionalEncoding": (
        "dev.build_module(nn.LearnedPositionalEncoding(10, 16))(dev.ones((2, 5, 16))).shape",
        "(2, 5, 16)",
    ),
    "PositionalEncoding": ("dev.build_module(nn.PositionalEncoding(10, 16))(dev.ones((2, 5, 16))).shape", "(2, 5, 16)"),
    "Linear": ("dev.build_module(nn.Linear(3, 2))(dev.ones((4, 3))).shape", "(4, 2)"),
    "MatMul": ("dev.build_module(nn.MatMul(3, 2))(dev.ones((4, 3))).shape", "(4, 2)"),
    "UnbiasedLinear": ("dev.build_module(nn.UnbiasedLinear(3, 2))(dev.ones((4, 3))).shape", "(4, 2)"),
    "PReLU1D": ("dev.build_module(nn.PReLU1D(3))(dev.ones((4, 3))).shape", "(4, 3)"),
    "Reshape": ("dev.build_module(nn.Reshape((2, 6)))(dev.ones((3, 4))).shape", "(2, 6)"),
    "Transformer": (
        "dev.build_module(nn.Transformer(16, 4, 32, 1, 1))(dev.ones((2, 5, 16)), dev.ones((2, 7, 16))).shape",
        "(2, 7, 16)",
    ),
    "TransformerDecoder": (
        "dev.build_module(nn.TransformerDecoder(16, 4, 32, 2))(dev.ones((2, 7, 16)), dev.ones((2, 5, 16))).shape",
        "(2, 7, 16)",
    ),
    "TransformerDecoderBlock": (
        "dev.build_module(nn.TransformerDecoderBlock(16, 4, 32))(dev.ones((2, 7, 16)), dev.ones((2, 5, 16))).shape",
        "(2, 7, 16)",
    ),
    "TransformerEncoderBlock": (
        "dev.build_module(nn.TransformerEncoderBlock(16, 4, 32))(dev.ones((2, 5, 16))).shape",
        "(2, 5, 16)",
    ),
    "Upscale2D": ("dev.build_module(nn.Upscale2D(16, 12))(dev.ones((2, 3, 8, 8))).shape", "(2, 3, 16, 12)"),
    "Upscale2DBy": ("dev.build_module(nn.Upscale2DBy(2))(dev.ones((2, 3, 8, 8))).shape", "(2, 3, 16, 16)"),
    "Param": ("dev.build_module(nn.Bias1D(3)).bias.shape", "(3,)"),
    "build": (
        "nn.build(dev, nn.Linear(3, 2), dfdx.f32)",
        "Linear(3, 2)  [weight f32[2, 3], bias f32[2]]  8 parameters, f32 on cpu",
    ),
    "torch_state_dict": ("sorted(nn.torch_state_dict(dev.build_module(nn.Linear(3, 2))))", "['bias', 'weight']"),
    "Pointwise": ("issubclass(nn.ReLU, nn.Pointwise)", "True"),
    "Composite": ("issubclass(nn.LSTM, nn.Composite)", "True"),
}

LOSSES = {
    "binary_cross_entropy_with_logits_loss": (
        "losses.binary_cross_entropy_with_logits_loss(dev.tensor([[2.0, 0.5], [0.0, 1.0]]), dev.tensor([[1.0, 0.0], [0.0, 1.0]]))",
        "tensor(0.5269, f32[] on cpu)",
    ),
    "cross_entropy_with_indices_loss": (
        "losses.cross_entropy_with_indices_loss(dev.tensor([[2.0, 0.5], [0.0, 1.0]]), dev.tensor([0, 1]))",
        "tensor(0.2573, f32[] on cpu)",
    ),
    "cross_entropy_with_logits_loss": (
        "losses.cross_entropy_with_logits_loss(dev.tensor([[2.0, 0.5], [0.0, 1.0]]), dev.tensor([[1.0, 0.0], [0.0, 1.0]]))",
        "tensor(0.2573, f32[] on cpu)",
    ),
    "huber_loss": (
        "losses.huber_loss(dev.tensor([[2.0, 0.5], [0.0, 1.0]]), dev.tensor([[1.0, 0.0], [0.0, 1.0]]))",
        "tensor(0.1562, f32[] on cpu)",
    ),
    "kl_div_with_logits_loss": (
        "losses.kl_div_with_logits_loss(dev.tensor([[2.0, 0.5], [0.0, 1.0]]), dev.tensor([[1.0, 0.0], [0.0, 1.0]]))",
        "tensor(0.2573, f32[] on cpu)",
    ),
    "mae_loss": (
        "losses.mae_loss(dev.tensor([[2.0, 0.5], [0.0, 1.0]]), dev.tensor([[1.0, 0.0], [0.0, 1.0]]))",
        "tensor(0.375, f32[] on cpu)",
    ),
    "rmse_loss": (
        "losses.rmse_loss(dev.tensor([[2.0, 0.5], [0.0, 1.0]]), dev.tensor([[1.0, 0.0], [0.0, 1.0]]))",
        "tensor(0.559, f32[] on cpu)",
    ),
    "smooth_l1_loss": (
        "losses.smooth_l1_loss(dev.tensor([[2.0, 0.5], [0.0, 1.0]]), dev.tensor([[1.0, 0.0], [0.0, 1.0]]))",
        "tensor(0.1562, f32[] on cpu)",
    ),
}
