"""Stubs with shape arithmetic, for pyrefly; nothing runs here."""
