"""Modules: a specification is plain Python; building it on a device checks every shape."""

import dfdx
from dfdx import nn

Mlp = ((nn.Linear(10, 32), nn.ReLU()), (nn.Linear(32, 32), nn.ReLU()), nn.Linear(32, 2))
dev = dfdx.device("cpu")
model = dev.build_module(Mlp, dfdx.f32)
print(model)
print()
print(model.summary(input=(None, 10)))

# an untraced input infers, a traced one trains; there is no other switch
x = dev.sample_normal((4, 10))
print("\ninference:", model(x).shape, " training:", model(x.traced(model.alloc_grads())).owns_tape)

# parameters are attributes, under dotted paths
print("weight of the first layer:", model[0][0].weight.type_text)
print("paths:", [n.path for n in model.named_tensors()])

# widths that do not fit are found when the model is built
try:
    dev.build_module((nn.Linear(10, 32), nn.ReLU(), nn.Linear(31, 2)))  # type: ignore  # wrong on purpose: a type checker says so, too
except dfdx.ShapeError as e:
    print("\n" + str(e))

# and inputs that do not fit name the layer
try:
    model(dev.zeros((4, 9)))  # type: ignore  # wrong on purpose: a type checker says so, too
except dfdx.ShapeError as e:
    print("\n" + str(e))
