"""Where a tensor's data sits: a backend array with a version, shared by handles and views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .door import launch

if TYPE_CHECKING:
    from .dispatch import Plan

__all__ = ["Cell", "Empty", "ViewCell", "new_cell"]


class Cell:
    """A backend array; `version` is the serial number of the last write to it (0: none), `writer` its name."""

    __slots__ = ("array", "version", "writer")

    array: Any
    version: int
    writer: str


def new_cell(array: Any) -> Cell:
    cell = Cell.__new__(Cell)
    cell.array, cell.version = array, 0
    return cell


class ViewCell:
    """A view of another cell: made again when its source was overwritten, so that a copy never goes stale."""

    __slots__ = ("_array", "_seen", "plan", "source")

    def __init__(self, source: Cell | ViewCell, plan: Plan, array: Any) -> None:
        self.source, self.plan, self._array, self._seen = source, plan, array, source.version

    @property
    def root(self) -> Cell:
        """The cell whose memory this is, at last."""
        return self.source.root if isinstance(self.source, ViewCell) else self.source

    @property
    def version(self) -> int:
        return self.source.version

    @property
    def writer(self) -> str:
        return self.source.writer

    @property
    def array(self) -> Any:
        if self._seen != self.source.version:
            self._array = launch(self.plan, (self.source.array,), (self.source,))
            self._seen = self.source.version
        return self._array


class Empty:
    """Stands for an array of no elements: core answers for it, so that no kernel meets one."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.dtype = shape, dtype

    def __repr__(self) -> str:
        return f"Empty({self.shape}, {self.dtype!r})"
