"""Conformance."""

from __future__ import annotations

from typing import Any

import dfdx

dev = dfdx.device("cpu")


def conform() -> Any:
    from dfdx.conformance import suite

    return suite("cpu")


print(callable(conform))
