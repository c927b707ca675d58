"""Deep learning whose shapes, dtypes, devices and gradient tape are checked before anything runs.

>>> import dfdx
>>> dev = dfdx.device("cpu")
>>> (dev.ones((2, 3)) @ dev.ones((3, 4))).shape
(2, 4)
"""

if __name__ != "dfdx":
    raise ImportError(
        f"this checkout was imported as {__name__!r}, not as 'dfdx': run `pip install -e .` and `import dfdx`, or start Python elsewhere"
    )

from . import core
from .core.public import *  # noqa: F403
from .core.public import __all__ as _names
from .core.static import B, C, D, E, F, H, I, K, M, N, O, S, T, W  # noqa: F401

__version__ = "0.1.0"
__all__ = [*_names, "core", "data", "losses", "nn", "optim", "profile", "utils"]  # noqa: F405

_LAZY = {
    "nn": ".nn",
    "optim": ".optim",
    "data": ".data",
    "utils": ".utils",
    "losses": ".nn.losses",
    "conformance": ".conformance",
}


def __getattr__(name: str) -> object:
    """Sub-packages are imported when they are first used, and third-party ops are looked for when a name is missing."""
    if name == "profile":
        from .utils.profile import profile

        globals()[name] = profile
        return profile
    if name in _LAZY:
        import importlib
        import sys

        module = importlib.import_module(_LAZY[name], __name__)
        sys.modules[f"{__name__}.{name}"] = module
        globals()[name] = module
        return module
    from .core.plugins.ops import third_party

    return third_party("module 'dfdx'", name)


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__"})
