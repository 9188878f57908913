"""Data: binary tables of the user's."""

from discrete_ed.data.tables import Table, read_table

__all__ = ["Table", "read_table"]
