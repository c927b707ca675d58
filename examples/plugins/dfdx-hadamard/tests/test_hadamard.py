"""The conformance kit of dfdx, on this op alone."""

from dfdx.conformance import suite

globals().update(suite("cpu", only="hadamard"))
