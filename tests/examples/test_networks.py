"""The networks in examples/ give what the same networks in PyTorch give, with PyTorch's weights."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import dfdx
from dfdx import losses, nn

torch = pytest.importorskip("torch")
T, F = torch.nn, torch.nn.functional
DEV = dfdx.device("cpu")


def example(name):
    path = Path(__file__).resolve().parents[2] / "examples" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"example_{name}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Block(T.Module):
    def __init__(self, inp, out, stride):
        super().__init__()
        self.conv1, self.bn1 = T.Conv2d(inp, out, 3, stride, 1, bias=False), T.BatchNorm2d(out)
        self.conv2, self.bn2 = T.Conv2d(out, out, 3, 1, 1, bias=False), T.BatchNorm2d(out)
        changes = stride > 1 or inp != out
        self.downsample = (
            T.Sequential(T.Conv2d(inp, out, 1, stride, bias=False), T.BatchNorm2d(out)) if changes else None
        )

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(T.Module):
    """As torchvision has it, name for name."""

    def __init__(self, classes):
        super().__init__()
        self.conv1, self.bn1 = T.Conv2d(3, 64, 7, 2, 3, bias=False), T.BatchNorm2d(64)
        widths = (64, 64, 128, 256, 512)
        for i in range(1, 5):
            blocks = Block(widths[i - 1], widths[i], 1 if i == 1 else 2), Block(widths[i], widths[i], 1)
            self.add_module(f"layer{i}", T.Sequential(*blocks))
        self.fc = T.Linear(512, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((-2, -1)))


class Gpt(T.Module):
    def __init__(self, vocab, length, model, heads, blocks):
        super().__init__()
        self.embed, self.position = T.Embedding(vocab, model), T.Embedding(length, model)
        layer = T.TransformerEncoderLayer(
            model, heads, 4 * model, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.blocks = T.TransformerEncoder(layer, blocks, T.LayerNorm(model), enable_nested_tensor=False)
        self.head = T.Linear(model, vocab, bias=False)

    def forward(self, ids):
        n = ids.shape[1]
        hidden = torch.triu(torch.ones(n, n, dtype=torch.bool), 1)
        return self.head(self.blocks(self.embed(ids) + self.position.weight[:n], mask=hidden))


def agree(ours, theirs, x, labels):
    """Logits, loss and every gradient, in f64; then inference."""
    model = DEV.build_module(ours, dfdx.f64)
    nn.load_torch_state_dict(model, theirs.state_dict())
    grads = model.alloc_grads()
    out, wanted = model(DEV.tensor(x).traced(grads)), theirs(torch.tensor(x))
    np.testing.assert_allclose(out.array(), wanted.detach().numpy(), rtol=1e-7, atol=1e-9)
    n = out.shape[-1]
    rows = out.reshape((out.numel // n, n))
    losses.cross_entropy_with_indices_loss(rows, DEV.tensor(labels.reshape(-1))).backward()
    F.cross_entropy(wanted.reshape(-1, n), torch.tensor(labels.reshape(-1))).backward()
    gradients = model.clone()
    for mine, copy in zip(model.named_tensors(), gradients.named_tensors(), strict=True):
        if mine.trainable:
            copy.tensor.axpy(0.0, grads.get(mine.tensor), 1.0)
    named = nn.torch_state_dict(gradients)
    for name, p in theirs.named_parameters():
        np.testing.assert_allclose(named[name].numpy(), p.grad.numpy(), rtol=1e-6, atol=1e-9, err_msg=name)
    theirs.eval()
    with torch.no_grad():
        np.testing.assert_allclose(model(DEV.tensor(x)).array(), theirs(torch.tensor(x)).numpy(), rtol=1e-7, atol=1e-9)


def test_resnet18():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    agree(
        example("resnet18").ResNet18(10), ResNet18(10).double(), rng.standard_normal((2, 3, 64, 64)), np.array([3, 7])
    )


def test_small_gpt():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 11, (3, 13))
    agree(example("small_gpt").Gpt(11, 12, 16, 2, 3), Gpt(11, 12, 16, 2, 3).double(), ids[:, :-1], ids[:, 1:])
