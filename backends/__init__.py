"""Backends that come with dfdx; each is an ordinary plugin."""
