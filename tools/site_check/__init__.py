"""Checks of the built documentation: its links, and what a browser says of its pages."""
