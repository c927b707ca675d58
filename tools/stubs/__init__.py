"""Writes the stub files: `python tools/gen_stubs.py`."""
