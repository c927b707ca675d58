"""What a type checker knows of a module's input and output, without tensors: names for annotations, unused at run time.

`class Widen(nn.Module[nn.Features[L[10]], nn.Features[L[32]]])` takes its place in a chain that is checked in the editor.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Channels", "Features", "Ids"]


class Features:
    """`Features[L[10]]`: any leading dims, then 10 features."""

    def __class_getitem__(cls, _: Any) -> type[Features]:
        return cls


class Channels:
    """`Channels[L[3]]`: images, any leading dims, then 3 channels, height and width."""

    def __class_getitem__(cls, _: Any) -> type[Channels]:
        return cls


class Ids:
    """Integers of any shape, as embeddings take them."""
