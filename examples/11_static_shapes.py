"""Static shapes: an unmodified type checker finds shape errors before the program runs; hover a name in your editor to see its shape."""

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

import dfdx
from dfdx import L, Rank1, Rank2, Tensor, nn


def normalised(x: Tensor[Rank2[int, L[10]]]) -> Tensor[Rank2[int, L[10]]]:
    """Columns with mean 0; the number of rows is known only at run time."""
    mean: Tensor[Rank1[L[10]]] = x.mean(0)
    return x - mean.broadcast_like(x, axes=0)


dev = dfdx.device("cpu", seed=0)
model = dev.build_module((nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2)))
rows = int("7")
x = dev.sample_normal((rows, 10))  # a checker sees Tensor[Rank2[int, L[10]]]
y = model(normalised(x))  # and here Tensor[Rank2[int, L[2]]]
print("the program runs:", y.type_text)

# the same model fed eleven features: at run time an error that names the layer ...
try:
    model(dev.zeros((7, 11)))  # type: ignore
except dfdx.ShapeError as e:
    print("\nat run time:", str(e).splitlines()[0])

# ... and in the editor, or on the command line, an error before anything runs
WRONG = """
import dfdx
from dfdx import nn
dev = dfdx.device("cpu")
model = dev.build_module((nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2)))
model(dev.zeros((7, 11)))
"""
if importlib.util.find_spec("mypy") is None:
    print("\nbefore it runs: pip install mypy shows what a checker says of", WRONG)
else:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wrong.py"
        path.write_text(WRONG)
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--no-pretty", str(path)], capture_output=True, text=True, cwd=folder
        )
    print("\nbefore it runs, mypy says:")
    for line in done.stdout.splitlines():
        print("  " + line.replace(str(path), "wrong.py").replace("wrong.py:6: ", "line 6: ")[:300])
