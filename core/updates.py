"""Many in-place updates as one function: what an optimizer does at every step, without asking again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .expr import MapProgram
from .inplace import update_plan
from .straight import compiled
from .tensor import Tensor, next_serial

if TYPE_CHECKING:
    from .gradients import Gradients

__all__ = ["Job", "updates"]


class Job(NamedTuple):
    """`program` overwrites `targets`, given them, the gradient of the first, and its numbers, from the `at`-th on."""

    program: MapProgram
    targets: tuple[Tensor, ...]
    gradient: Tensor
    at: int


def updates(jobs: Sequence[Job], n_numbers: int, writer: str) -> Callable[[Gradients, Callable[[], Any]], bool]:
    """A function (grads, numbers) that runs all jobs on the gradients that a backward pass left in `grads`.

    `numbers()` gives `n_numbers` numbers; it is called once all gradients were found. The function returns False, and has
    changed nothing, where a gradient is missing or was looked at since.
    """
    env: dict[str, Any] = {"serial": next_serial, "writer": writer}
    fetch, lines = [], []
    for j, job in enumerate(jobs):
        cells = [f"c{j}_{i}" for i in range(len(job.targets))]
        env.update(zip(cells, [t._cell for t in job.targets]))
        plan = update_plan(job.program, job.targets, (job.gradient,), writer)
        env[f"k{j}"] = plan.kernel
        fetch.append(f"        g{j} = arrays[{job.targets[0].id}]")
        numbers = [f"n{job.at + i}" for i in range(job.program.n_scalars)]
        args = ", ".join([*[f"{c}.array" for c in cells], f"g{j}", *numbers])
        lines += [f"    {', '.join(f'{c}.array' for c in cells)} = k{j}({args})"]
        lines += [f"    {c}.version, {c}.writer = version, writer" for c in cells]
    unpack = "".join(f"n{i}, " for i in range(n_numbers))
    text = "\n".join(
        [
            "def run(grads, numbers):",
            "    try:",
            "        arrays = grads._arrays",
            *fetch,
            "    except (KeyError, AttributeError):",
            "        return False",
            f"    {unpack} = numbers()" if unpack else "    numbers()",
            "    version = serial()",
            *lines,
            "    return True",
        ]
    )
    return compiled(text, env, f"{writer} updates")
