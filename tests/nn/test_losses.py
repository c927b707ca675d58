"""Losses where the Rust library, or a plain formula, goes wrong."""

from __future__ import annotations

import numpy as np
import pytest

import dfdx
from dfdx import losses

DEV = dfdx.device("cpu")


def test_rmse_has_no_gradient_at_an_exact_match():
    x = DEV.ones((4,))
    loss = losses.rmse_loss(x.traced(), DEV.ones((4,)))
    assert loss.item() == 0.0 and loss.backward().get(x).tolist() == [0.0] * 4


def test_kl_of_zero_probabilities_is_finite():
    x, p = DEV.tensor([[1.0, 2.0, 3.0]]), DEV.tensor([[0.0, 1.0, 0.0]])
    loss = losses.kl_div_with_logits_loss(x.traced(), p)
    entropy = losses.cross_entropy_with_logits_loss(x, p)
    assert loss.item() == pytest.approx(entropy.item(), rel=1e-6)
    assert np.isfinite(loss.backward().get(x).array()).all()


def test_a_prediction_may_be_its_own_target():
    x = DEV.tensor([1.0, 2.0])
    assert losses.mse_loss(x.traced(), x).backward().get(x).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("name", [n for n in losses.__all__ if "indices" not in n])
def test_a_recorded_target_is_refused(name):
    x, y = DEV.ones((2, 3)), DEV.ones((2, 3)).traced()
    for words in ("owns a tape", "moved on"):
        with pytest.raises(dfdx.TapeError, match=f"(?s){words}.*detach"):
            getattr(losses, name)(x.traced(), y)
        if words == "owns a tape":
            y.relu()
    with pytest.raises(dfdx.ShapeError, match="shapes differ"):
        getattr(losses, name)(x, DEV.ones((2, 4)))


def test_a_class_that_there_is_not_is_an_error_unless_ignored():
    x = DEV.zeros((3, 4))
    for bad in (4, -1):
        classes = DEV.tensor([0, bad, 3])
        with pytest.raises(IndexError, match=str(bad)):
            losses.cross_entropy_with_indices_loss(x, classes)
        loss = losses.cross_entropy_with_indices_loss(x, classes, ignore_index=bad)
        assert loss.item() == pytest.approx(np.log(4))


@pytest.mark.parametrize("dtype", [dfdx.i8, dfdx.u8, dfdx.i32, dfdx.u64])
def test_classes_of_any_integer_dtype(dtype):
    x = DEV.tensor(np.random.default_rng(0).standard_normal((3, 300)).astype("f"))
    wide = losses.cross_entropy_with_indices_loss(x, DEV.tensor([0, 100, 7]))
    assert losses.cross_entropy_with_indices_loss(x, DEV.tensor([0, 100, 7], dtype)).item() == wide.item()


def test_all_rows_ignored_is_nan_as_in_pytorch():
    loss = losses.cross_entropy_with_indices_loss(DEV.zeros((2, 3)), DEV.tensor([1, 1]), ignore_index=1)
    assert np.isnan(loss.item())


def test_logits_masked_by_minus_infinity_do_no_harm_to_other_classes():
    """Actions that are not allowed, tokens that are masked: as in PyTorch, value and gradient stay finite."""
    torch = pytest.importorskip("torch")
    logits = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    logits[0, 1] = logits[1, 0] = logits[1, 4] = -np.inf
    classes = np.array([0, 2, 4, 1])
    dev = dfdx.device("cpu")
    x, t = dev.tensor(logits), torch.tensor(logits, requires_grad=True)
    loss = losses.cross_entropy_with_indices_loss(x.traced(), dev.tensor(classes))
    expected = torch.nn.functional.cross_entropy(t, torch.tensor(classes))
    expected.backward()
    grads = loss.backward()
    np.testing.assert_allclose(loss.item(), expected.item(), rtol=1e-6)
    np.testing.assert_allclose(grads.get(x).array(), t.grad.numpy(), rtol=1e-5, atol=1e-7)
