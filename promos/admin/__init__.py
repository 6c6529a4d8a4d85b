"""Promos at the operators' desk."""

from promos.admin import attempts, campaigns, codes

__all__ = ["attempts", "campaigns", "codes"]
