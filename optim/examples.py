"""An example for each optimizer whose docstring has none: a line that is run, and what it shows. Doctests check them."""

from __future__ import annotations

__all__ = ["EXAMPLES"]

EXAMPLES = {
    "Adagrad": (
        "optim.Adagrad(dev.build_module(nn.Linear(2, 1)), lr=0.01)",
        "Adagrad(lr=0.01, lr_decay=0.0, initial=0.0, eps=1e-10)",
    ),
    "Adam": ("optim.Adam(dev.build_module(nn.Linear(2, 1)), lr=0.01)", "Adam(lr=0.01, betas=(0.9, 0.999), eps=1e-08)"),
    "AdamW": (
        "optim.AdamW(dev.build_module(nn.Linear(2, 1)), lr=0.01)",
        "AdamW(lr=0.01, weight_decay=Decoupled(decay=0.01), betas=(0.9, 0.999), eps=1e-08)",
    ),
    "Lamb": (
        "optim.Lamb(dev.build_module(nn.Linear(2, 1)), lr=0.01)",
        "Lamb(lr=0.01, weight_decay=Decoupled(decay=0.01), betas=(0.9, 0.999), eps=1e-06)",
    ),
    "Lion": ("optim.Lion(dev.build_module(nn.Linear(2, 1)), lr=0.01)", "Lion(lr=0.01, betas=(0.9, 0.99))"),
    "RMSprop": (
        "optim.RMSprop(dev.build_module(nn.Linear(2, 1)), lr=0.01)",
        "RMSprop(lr=0.01, alpha=0.9, eps=1e-08, centered=False)",
    ),
    "Sgd": (
        "optim.Sgd(dev.build_module(nn.Linear(2, 1)), lr=0.1, momentum=optim.Classic(0.9))",
        "Sgd(lr=0.1, momentum=Classic(u=0.9))",
    ),
    "Classic": (
        "optim.Sgd(dev.build_module(nn.Linear(2, 1)), momentum=optim.Classic(0.9))",
        "Sgd(lr=0.01, momentum=Classic(u=0.9))",
    ),
    "Nesterov": (
        "optim.Sgd(dev.build_module(nn.Linear(2, 1)), momentum=optim.Nesterov(0.9))",
        "Sgd(lr=0.01, momentum=Nesterov(u=0.9))",
    ),
    "L2": (
        "optim.Adam(dev.build_module(nn.Linear(2, 1)), weight_decay=optim.L2(0.01))",
        "Adam(lr=0.001, weight_decay=L2(decay=0.01), betas=(0.9, 0.999), eps=1e-08)",
    ),
    "Decoupled": (
        "optim.Adam(dev.build_module(nn.Linear(2, 1)), weight_decay=optim.Decoupled(0.01))",
        "Adam(lr=0.001, weight_decay=Decoupled(decay=0.01), betas=(0.9, 0.999), eps=1e-08)",
    ),
    "OneCycle": ("[round(optim.OneCycle(0.1, 10)(step), 4) for step in (0, 3, 9)]", "[0.004, 0.095, 0.0]"),
    "StepDecay": ("[optim.StepDecay(0.5, every=10, factor=0.5)(step) for step in (0, 10, 20)]", "[0.5, 0.25, 0.125]"),
    "WarmUp": ("[optim.WarmUp(4, 0.1)(step) for step in range(5)]", "[0.025, 0.05, 0.07500000000000001, 0.1, 0.1]"),
}
