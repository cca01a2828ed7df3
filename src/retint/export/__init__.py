"""A trained network as graphs for other runtimes. Knows the network and its card, and no image."""

from .folder import FORMATS, Format, export

__all__ = ["FORMATS", "Format", "export"]
