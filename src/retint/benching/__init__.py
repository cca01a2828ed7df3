"""Measuring: what this machine can do, and how near to it Retint and others come."""

from .bench import Options, Report, bench

__all__ = ["Options", "Report", "bench"]
