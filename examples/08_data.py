"""Data: anything with a length, then shuffle, map, batch, collate and stack; lazily, first to last."""

import numpy as np

from dfdx import data

points = data.dataset(np.arange(10, dtype=np.float32), [i % 2 for i in range(10)])
print("items  ", len(points), points[0])

loader = points.shuffled(seed=0).batch_with_last(4).collate().stack()
for x, y in loader:
    print("batch  ", x.shape, x.dtype, y.tolist())

squares = data.dataset(range(6)).map(lambda i: i * i)
print("mapped ", squares[:])

# another seed for each epoch; the same seed, the same order
print("orders ", points.shuffled(1)[0][0], points.shuffled(2)[0][0], points.shuffled(1)[0][0])

# a thread makes the next batches while this one is used
total = sum(float(x.sum()) for x, _ in loader.prefetch(2))
print("total  ", total)

# the digits that ship with the package: 8x8 images as 64 numbers from 0 to 1
train, test = data.digits("train"), data.digits("test")
image, label = train[0]
print(f"digits  {len(train)} to train, {len(test)} to test; the first is a {label}:")
for row in np.asarray(image).reshape(8, 8):
    print("        " + "".join(" .:-=+*#%@"[int(v * 9)] for v in row))
