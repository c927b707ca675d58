"""Gradients: trace a value, compute, call backward; the tape is owned by values and moves with them."""

import dfdx

dev = dfdx.device("cpu")
w = dev.tensor([[1.0, 2.0], [3.0, 4.0]])
x = dev.tensor([[0.5, -1.0]])

# x.traced() owns a tape; each op moves it to its result; backward consumes it
loss = (x.traced() @ w).tanh().sum()
print("loss", loss)
grads = loss.backward()
print("d loss / d x", grads.get(x).tolist())
print("d loss / d w", grads.get(w).tolist(), "(anything used in a recorded op gets its gradient)")

# only what is needed: keep the gradients of w alone
grads = dfdx.Gradients().retain(w)
grads = (x.traced(grads) @ w).tanh().sum().backward()
print("kept: w", w in grads, " x", x in grads)

# gradients accumulate in the Gradients object until they are zeroed
once = grads.get(w)
grads = (x.traced(grads) @ w).tanh().sum().backward()
print("twice as much:", (grads.get(w) / once).tolist())

# second derivatives: record the backward pass, too
y = dev.tensor(2.0)
first = (y.traced().powi(3)).backward(retrace=True).get(y)
print("d y^3 / dy = 3 y^2 =", first.item(), " d2 y^3 / dy2 = 6 y =", first.backward().get(y).item())
