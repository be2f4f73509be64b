"""The tables of the KMS and their statements."""

from secrets_core.kms.storage import tables

__all__ = ["tables"]
