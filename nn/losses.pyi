"""Written by `python tools/gen_stubs.py` (`make stubs`); do not edit."""
# mypy: disable-error-code="misc, overload-overlap, overload-cannot-match, type-var, override, type-arg, no-redef"
# pyright: reportOverlappingOverload=false, reportInvalidTypeVarUse=false
# ruff: noqa

__all__ = ["binary_cross_entropy_with_logits_loss", "cross_entropy_with_indices_loss", "cross_entropy_with_logits_loss", "huber_loss", "kl_div_with_logits_loss", "mae_loss", "mse_loss", "rmse_loss", "smooth_l1_loss"]
MYPY = False
TYPE_CHECKING_WITH_PYREFLY = False

if TYPE_CHECKING_WITH_PYREFLY:
    if not MYPY:
        from ..core.static.pf.losses import binary_cross_entropy_with_logits_loss as binary_cross_entropy_with_logits_loss, cross_entropy_with_indices_loss as cross_entropy_with_indices_loss, cross_entropy_with_logits_loss as cross_entropy_with_logits_loss, huber_loss as huber_loss, kl_div_with_logits_loss as kl_div_with_logits_loss, mae_loss as mae_loss, mse_loss as mse_loss, rmse_loss as rmse_loss, smooth_l1_loss as smooth_l1_loss
else:
    from ..core.static.std.losses import binary_cross_entropy_with_logits_loss as binary_cross_entropy_with_logits_loss, cross_entropy_with_indices_loss as cross_entropy_with_indices_loss, cross_entropy_with_logits_loss as cross_entropy_with_logits_loss, huber_loss as huber_loss, kl_div_with_logits_loss as kl_div_with_logits_loss, mae_loss as mae_loss, mse_loss as mse_loss, rmse_loss as rmse_loss, smooth_l1_loss as smooth_l1_loss
