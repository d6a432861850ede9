"""Assay: applications built on language models, measured before and while they reach users."""

__version__ = "0.1.0"
