"""Measuring: what this machine can do, and how near to it Retint and others come."""

from .measure import bench
from .options import Options
from .report import Report

__all__ = ["Options", "Report", "bench"]
