"""A report as text for a terminal, as Markdown, and as one HTML page."""

from .html import html
from .markdown import markdown
from .terminal import terminal

__all__ = ["html", "markdown", "terminal"]
