"""Every example runs by itself, says something worth reading, and stays short."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples"
# what each must print: a pattern
SAYS = {
    "01_tensor": r"same seed, same numbers: True",
    "02_ops": r"hint: b\.broadcast_like\(a, axes=\(0,\)\)",
    "03_gradients": r"6 y = 12\.0",
    "04_tape": r"two different Gradients",
    "05_modules": r"takes 31 features",
    "06_custom_module": r"1\.scale\.scale +f32\[8\] +gradient norm 0\.\d*[1-9]",
    "07_training": r"step 500  loss 0\.000",
    "08_data": r"1437 to train, 360 to test",
    "09_checkpoints": r"unchanged: True",
    "10_devices": r"cpu +first row",
    "11_static_shapes": r"the program runs: f32\[7, 2\](?s:.*)before it runs",
    "12_mnist": r"epoch 8 .* test accuracy 9[4-9]\.",
    "custom_backend": r"counting +ready(?s:.*)losses on counting: (.*)\nlosses on cpu: +\1\n(?s:.*)conforming, [1-9]\d* checks, 0 failed",
    "custom_op": r"difference from finite differences \d\.\de-0[6-9]",
    "dqn": r"episode 120 .* return \+0\.[89]",
    "gradient_accumulation": r"largest difference from the whole batch [0-9.]+e-(0[7-9]|1\d)",
    "multi_headed": r"step 300 .* right 9\d%",
    "resnet18": r"11,689,512 parameters(?s:.*)the pictures are \[0, 1, 2, 3\]",
    "small_gpt": r"step 300  loss 0\.[01]",
    "train_loop": r"the same losses: True",
    "ppo": r"iteration 40 .* stood (1[5-9]\d|[2-5]\d\d)",
}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda p: p.stem)
def test_example_runs(path, tmp_path):
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert path.stem in SAYS, f"add a pattern for what {path.name} prints"
    assert re.search(SAYS[path.stem], done.stdout), done.stdout
    assert "Warning" not in done.stderr
    assert path.read_text(encoding="utf-8").count("\n") <= 120


def test_no_pattern_without_an_example():
    assert set(SAYS) <= {p.stem for p in FOLDER.glob("*.py")}
