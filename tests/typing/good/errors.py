"""Errors."""

from __future__ import annotations

import dfdx
from dfdx import f32

dev = dfdx.device("cpu")


def f() -> None:
    try:
        dev.zeros((int("2"),)).item()
    except dfdx.ShapeError as e:
        print(e)
    except (dfdx.DTypeError, dfdx.TapeError, dfdx.DfdxError) as e:
        raise SystemExit(1) from e


print(dfdx.DTYPES["f32"].is_float, f32.bits, f32.name, dfdx.__version__)
