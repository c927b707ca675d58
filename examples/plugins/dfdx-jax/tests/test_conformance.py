"""The conformance kit of dfdx, on this device."""

from dfdx.conformance import suite

globals().update(suite("jax"))
