"""What `build_module` finds before there is an input, and what it finds with one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dfdx
from dfdx import ShapeError, nn

DEV = dfdx.device("cpu")
CONV = nn.Conv2D(3, 8, 3)
WRONG = {
    "widths": ((nn.Linear(4, 3), nn.Linear(5, 2)), ["1: Linear(5, 2): ", "takes 5 features", "gives 3", "from 0: Linear(4, 3)"]),
    "through": ((nn.Linear(4, 3), (nn.ReLU(), nn.Dropout()), nn.LayerNorm1D(4)), ["2: LayerNorm1D(4)", "gives 3"]),
    "channels": ((CONV, nn.MaxPool2D(2), nn.Conv2D(4, 8, 3)), ["2: Conv2D(4, 8, 3)", "takes 4 channels", "gives 8"]),
    "channels_1d": ((nn.Conv1D(3, 8, 3), nn.Conv1D(4, 8, 3)), ["1: Conv1D", "takes 4 channels", "gives 8"]),
    "norm": ((CONV, nn.BatchNorm2D(3)), ["1: BatchNorm2D(3)", "takes 3 channels"]),
    "bias": ((CONV, nn.Bias2D(3)), ["1: Bias2D(3)"]),
    "global_pool": ((CONV, nn.AvgPoolGlobal(), nn.Linear(9, 2)), ["2: Linear(9, 2)", "gives 8", "from 0: Conv2D(3, 8, 3)"]),
    "flatten": ((nn.Upscale2D(4), CONV, nn.Flatten2D(), nn.Linear(30, 2)), ["3: Linear(30, 2)", "gives 32"]),
    "small_image": ((nn.Upscale2D(2), CONV), ["1: Conv2D", "a window spans 3", "image has 2"]),
    "residual": (nn.Residual(nn.Linear(4, 5)), ["Residual", "they have", "axis -1"]),
    "residual_later": ((nn.Residual((nn.Linear(4, 8), nn.Linear(8, 4))), nn.Linear(5, 2)), ["1: Linear(5, 2)", "gives 4"]),
    "residual_image": (nn.Residual(nn.Conv2D(4, 4, 3)), ["Residual", "n-2 and n on axis -2"]),
    "branches": (nn.GeneralizedResidual(nn.Linear(5, 3), nn.Linear(5, 2)), ["GeneralizedResidual", "3 and 2", "from f: Linear(5, 3)"]),
    "branch_inputs": (nn.GeneralizedMul(nn.Linear(5, 3), nn.Linear(4, 3)), ["r: Linear(4, 3)", "takes 4"]),
    "add_into": (nn.AddInto(nn.Linear(2, 5), nn.Linear(3, 4)), ["AddInto", "5 and 4"]),
    "split_add": ((nn.SplitInto(nn.Linear(2, 5), nn.Linear(2, 4)), nn.AddInto(nn.Linear(5, 1), nn.Linear(5, 1))), ["1.0.1: Linear(5, 1)"]),
    "repeated": (nn.Repeated(nn.Linear(4, 5), 2), ["1: Linear(4, 5)"]),
    "embedding": ((nn.Embedding(100, 8), nn.Linear(9, 2)), ["1: Linear(9, 2)", "gives 8"]),
    "attention": ((nn.Linear(4, 6), nn.MultiHeadAttention(8, 2)), ["1: MultiHeadAttention(8, heads=2)", "takes 8 features"]),
    "encoder": ((nn.Embedding(9, 6), nn.TransformerEncoder(8, 2, 16, 2)), ["1.0: TransformerEncoderBlock(8)", "gives 6"]),
    "transformer": ((nn.SplitInto(nn.Linear(4, 8), nn.Linear(4, 6)), nn.Transformer(8, 2, 16, 1, 1)), ["decoder.0.0: Trans", "gives 6"]),
    "recurrent": ((nn.Embedding(9, 6), nn.GRU(6, 4, bidirectional=True), nn.Linear(4, 9)), ["2: Linear(4, 9)", "gives 8"]),
    "position": ((nn.Embedding(9, 6), nn.PositionalEncoding(50, 8)), ["1: PositionalEncoding(50, 8)"]),
    "reshape": ((nn.Reshape((-1, 6)), nn.Linear(7, 2)), ["1: Linear(7, 2)", "gives 6"]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_found_without_an_input(name):
    spec, facts = WRONG[name]
    with pytest.raises(ShapeError) as caught:
        DEV.build_module(spec)
    assert not [f for f in facts if f not in str(caught.value)], str(caught.value)


class Custom(nn.Module):
    def __init__(self):
        self.body = (nn.Linear(2, 3), nn.Linear(4, 1))

    def forward(self, x):
        return self.body(x)


def test_the_parts_of_a_custom_module_are_checked():
    with pytest.raises(ShapeError, match=r"body.1: Linear\(4, 1\)"):
        DEV.build_module((nn.Linear(5, 2), Custom()))


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.MultiHeadAttention(8, 3),
        lambda: nn.MultiHeadAttention(8, 2, k_dim=3),
        lambda: nn.Conv2D(3, 8, 3, groups=2),
        lambda: nn.Conv2D(4, 7, 3, groups=2),
        lambda: nn.GroupNorm(3, 8),
        lambda: nn.Conv2D(3, 8, (3, 3, 3)),
        lambda: nn.Conv2D(3, 8, 3, stride=0),
        lambda: nn.Conv1D(3, 8, (3, 3)),
        lambda: nn.Linear(-1, 8),
        lambda: nn.Upscale2D(0),
    ],
)
def test_found_when_written(make):
    with pytest.raises(ShapeError):
        make()


RIGHT = {
    "batch_norm_over_steps": ((nn.Linear(4, 8), nn.BatchNorm1D(5)), (None, 5, 4)),
    "channels_after_linear": ((nn.Linear(4, 8), nn.Conv2D(3, 2, 3)), (None, 3, 7, 4)),
    "same_convolution": (nn.Residual((nn.Conv2D(4, 4, 3, padding=1), nn.BatchNorm2D(4), nn.ReLU())), (2, 4, 8, 8)),
    "strided_to_one": (nn.Residual(nn.Conv2D(4, 4, 1, stride=2)), (4, 1, 1)),
    "upscaled_residual": (nn.Residual((nn.ConvTrans2D(4, 2, 3), nn.Conv2D(2, 4, 3))), (4, 5, 6)),
    "identity": ((nn.Residual(()), nn.Linear(4, 2)), (None, 4)),
    "split": ((nn.SplitInto(nn.Linear(4, 3), nn.ReLU()), nn.AddInto((nn.Linear(3, 2), nn.Linear(4, 2))), nn.Linear(2, 1)), (4,)),
    "shared": ((nn.Residual(nn.Linear(4, 4)),) * 2, (4,)),
    "free_size": ((CONV, nn.AvgPoolGlobal(), nn.Linear(8, 2)), (None, 3, None, None)),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_nothing_right_is_refused(name):
    spec, shape = RIGHT[name]
    DEV.build_module(spec, input=shape)


def test_found_with_an_input():
    net = (nn.Conv2D(1, 4, 3), nn.ReLU(), nn.Flatten2D(), nn.Linear(100, 10))
    with pytest.raises(ShapeError, match=r"(?s)3: Linear\(100, 10\).*x.shape\[-1\] = 2704"):
        DEV.build_module(net, input=(None, 1, 28, 28))
    with pytest.raises(ShapeError, match=r"^0: Conv2D\(1, 4, 3\): .*channels"):
        DEV.build_module(net[:2], input=(None, 3, 28, 28))
    with pytest.raises(ShapeError, match=r"^1.inner: BatchNorm1D|^1: BatchNorm1D"):
        DEV.build_module((nn.Linear(4, 8), nn.BatchNorm1D(5)), input=(None, 4))


def test_a_specification_is_not_changed_by_building():
    part = nn.Linear(4, 4)
    spec = (part, nn.ReLU(), part)
    model = DEV.build_module(spec)
    assert part._path == "" and [n.path for n in model.named_tensors()] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert model[0].weight.id != model[2].weight.id


@settings(deadline=None, max_examples=60)
@given(
    size=st.integers(1, 20),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
    kind=st.sampled_from(["conv", "trans", "pool"]),
)
def test_sizes_known_at_build_time_are_those_of_the_ops(size, kernel, stride, padding, dilation, kind):
    at = (kernel, stride, padding, dilation)
    spec = {
        "conv": lambda: nn.Conv2D(1, 1, *at),
        "trans": lambda: nn.ConvTrans2D(1, 1, *at),
        "pool": lambda: nn.AvgPool2D(*at),
    }[kind]()
    try:
        out = dfdx.device("null").build_module(spec)(dfdx.device("null").zeros((1, size, size))).shape[-1]
    except ShapeError:
        return
    model = (nn.Reshape((1, 1, size, size)), spec)
    DEV.build_module((*model, nn.Flatten2D(), nn.Linear(out * out, 1)))
    with pytest.raises(ShapeError, match=f"gives {out * out}"):
        DEV.build_module((*model, nn.Flatten2D(), nn.Linear(out * out + 1, 1)))
