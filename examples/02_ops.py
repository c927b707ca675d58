"""Ops: explicit shapes, no silent stretching, and errors that say what to do."""

import dfdx

dev = dfdx.device("cpu")
x = dev.arange(6, dtype=dfdx.f32).reshape((2, 3))

print("arithmetic ", (1.0 - x * 2.0).tolist())
print("functions  ", x.sqrt().exp().tolist()[0])
print("row sums   ", x.sum(1).tolist(), " all:", x.sum().item(), " to a shape:", x.mean(to=(3,)).tolist())
print("matmul     ", (x @ x.permute((1, 0))).tolist())
print("comparisons", (x > 2.0).tolist())
print("choices    ", dfdx.where(x > 2.0, x, 0.0).tolist())
print("softmax    ", x.softmax(-1)[0].tolist())

# operands must have equal shapes: a row meets a matrix after it was broadcast
row = dev.tensor([10.0, 20.0, 30.0])
try:
    x + row
except dfdx.ShapeError as e:
    print("\nwithout broadcasting:")
    print(e)
print("\nwith it:", (x + row.broadcast_like(x, axes=(0,))).tolist())

# dtypes are never promoted; a Python number takes the tensor's
try:
    x + row.to_dtype(dfdx.f64).broadcast_like(x, axes=(0,))  # type: ignore  # wrong on purpose: a type checker says so, too
except dfdx.DTypeError as e:
    print()
    print(e)
print("\nhalf precision:", (x.to_dtype(dfdx.bf16) + 0.1)[0].to_dtype(dfdx.f32).tolist())
