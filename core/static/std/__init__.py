"""Stubs in standard typing, for mypy, pyright and ty; nothing runs here."""
