"""Which kernel a layout gets, without a device: how many there are is what a first use costs."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from dfdx.backends.clike.engine import Target, header, whole
from dfdx.backends.clike.expr import divider
from dfdx.backends.clike.map import map_launch
from dfdx.backends.clike.reduce import reduce_program
from dfdx.backends.clike.rows import layout, row_launch
from dfdx.core.contract import arg, f32, map_program

CPU, GPU = Target(cpu=True, vector=8), Target(cpu=False, lanes=32)
ADD = map_program((arg(0) + arg(1),), (f32, f32), (f32,), 0)
BELOW = st.integers(0, 2**31 - 1)


@given(st.integers(1, 2**31 - 1), BELOW)
@example(1, 2**31 - 1)
@example(2**31 - 1, 2**31 - 1)
@example(2**30 + 1, 2**31 - 1)
def test_division_by_multiplication_is_exact(n, i):
    m, s = divider(n)
    assert m < 2**32 and i * m < 2**64 and i * m >> s == i // n


def test_one_map_kernel_takes_every_layout_of_small_arrays():
    layouts = [
        ((3, 4), ((4, 1), (4, 1), (4, 1))),
        ((3, 4), ((1, 3), (4, 1), (4, 1))),
        ((3, 4), ((0, 1), (0, 0), (4, 1))),
        ((2, 3, 4), ((12, 1, 3), (0, 4, 1), (12, 4, 1))),
        ((), ((), (), ())),
    ]
    for target in (CPU, GPU):
        assert len({map_launch(ADD, shape, steps, target, False).source for shape, steps in layouts}) == 1


def test_large_arrays_have_kernels_of_their_layout():
    dense = map_launch(ADD, (300, 400), ((400, 1),) * 3, CPU, False)
    turned = map_launch(ADD, (300, 400), ((1, 300), (400, 1), (400, 1)), CPU, False)
    short = map_launch(ADD, (4000, 3), ((1, 4000), (3, 1), (3, 1)), CPU, False)
    names = [launch.source.name for launch in (dense, turned, short)]
    assert names == ["map_line", "map_rows", "map_scattered"]


def test_one_row_kernel_takes_every_layout_of_small_arrays():
    program = reduce_program("sum", f32, f32)
    layouts = [
        ((5,), (7,), ((7, 1), (1,))),
        ((5,), (7,), ((1, 5), (1,))),
        ((2, 5), (7,), ((7, 14, 1), (5, 1))),
        ((), (7,), ((1,), ())),
    ]
    for target in (CPU, GPU):
        made = [row_launch(program, layout(("full", "row"), o, i, s), target) for o, i, s in layouts]
        assert len({launch.source for launch in made}) == 1


def test_a_kernel_brings_the_functions_of_its_types_only():
    integers = whole("STORE_i32(y0, 0, M_ABS_i32(x));")
    assert "SIGNED_FUNCTIONS(i32, u32)" in integers and "SIGNED_FUNCTIONS(i8, u32)" not in integers
    assert "\nFLOAT_FUNCTIONS(f64, b1)" not in integers and "\nFLOAT_FUNCTIONS(f64, b1)" in header()
    assert integers.count("\n") == header().count("\n")  # errors of compilers name the lines of dialect.h
