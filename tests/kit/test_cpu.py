"""The cpu backend, judged by the kit as any plugin's tests would."""

from dfdx.conformance import suite

globals().update(suite("cpu"))
