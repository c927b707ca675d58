"""Who owns the tape: it moves, it branches where you say so, and losing it is an error, never a silent zero."""

import dfdx

dev = dfdx.device("cpu")
x = dev.tensor([1.0, 2.0, 3.0])

h = x.traced()
y = h.square()
print("h owns the tape:", h.owns_tape, " y owns it:", y.owns_tape)

# h is still a value: beside an operand that owns the tape it works, and its gradient arrives
print("d sum(x^2 * x) / dx =", (y * h).sum().backward().get(x).tolist())

# alone it cannot be recorded any more, and says so
try:
    h.exp()
except dfdx.TapeMovedError as e:
    print("\n" + str(e))

# a branch starts with an empty tape, and the branches merge where they meet
h = x.traced()
left, right = h.with_empty_tape().exp(), h.sin()
print("\ntwo branches:", (left * right).sum().backward().get(x).tolist())

# detach() is the same value as a constant
h = x.traced()
y = h.square()
print("x^2 times a constant x:", (y * h.detach()).sum().backward().get(x).tolist())

# a penalty on a parameter starts from its retaped() value
w = dev.tensor([0.5, -0.5, 1.0])
grads = ((x.traced() * w).sum() + w.retaped().square().sum() * 0.1).backward()
print("with a penalty on w:", grads.get(w).tolist())

# losses of separate passes are added before backward
a, b = x.traced().sum(), x.traced(dfdx.Gradients.leaky()).exp().sum()
try:
    (a + b).backward()
except dfdx.TapeError as e:
    print("\n" + str(e))
