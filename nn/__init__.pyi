"""Written by `python tools/gen_stubs.py` (`make stubs`); do not edit."""
# mypy: disable-error-code="misc, overload-overlap, overload-cannot-match, type-var, override, type-arg, no-redef"
# pyright: reportOverlappingOverload=false, reportInvalidTypeVarUse=false
# ruff: noqa
MYPY = False
TYPE_CHECKING_WITH_PYREFLY = False

if TYPE_CHECKING_WITH_PYREFLY:
    if not MYPY:
        from ..core.static.pf.nn import Abs as Abs, AccurateGeLU as AccurateGeLU, Bias1D as Bias1D, Cos as Cos, Dropout as Dropout, DropoutOneIn as DropoutOneIn, Exp as Exp, FastGeLU as FastGeLU, GeLU as GeLU, LayerNorm1D as LayerNorm1D, LeakyReLU as LeakyReLU, Linear as Linear, Ln as Ln, LogSoftmax as LogSoftmax, MatMul as MatMul, Module as Module, Param as Param, Pointwise as Pointwise, RMSNorm as RMSNorm, ReLU as ReLU, Sequential as Sequential, Sigmoid as Sigmoid, Sin as Sin, Softmax as Softmax, Sqrt as Sqrt, Square as Square, Tanh as Tanh, UnbiasedLinear as UnbiasedLinear, build as build, init as init, losses as losses, Features as Features, Channels as Channels, Ids as Ids
else:
    from ..core.static.std.nn import Abs as Abs, AccurateGeLU as AccurateGeLU, Bias1D as Bias1D, Cos as Cos, Dropout as Dropout, DropoutOneIn as DropoutOneIn, Exp as Exp, FastGeLU as FastGeLU, GeLU as GeLU, LayerNorm1D as LayerNorm1D, LeakyReLU as LeakyReLU, Linear as Linear, Ln as Ln, LogSoftmax as LogSoftmax, MatMul as MatMul, Module as Module, Param as Param, Pointwise as Pointwise, RMSNorm as RMSNorm, ReLU as ReLU, Sequential as Sequential, Sigmoid as Sigmoid, Sin as Sin, Softmax as Softmax, Sqrt as Sqrt, Square as Square, Tanh as Tanh, UnbiasedLinear as UnbiasedLinear, build as build, init as init, losses as losses, Features as Features, Channels as Channels, Ids as Ids
