"""Tags over the columns that grant power, so that an edited row is found (S5)."""

from ca_service.custody.custody import Custody
from ca_service.custody.derivation import canonical


class RowMac:
    """Tags rows of one table. The list of columns is fixed by `version`; a new list is a new version."""

    def __init__(self, custody: Custody, table: str, version: int = 1) -> None:
        self._custody = custody
        self._key = custody.mac_key("row")
        self._table = table
        self.version = version

    def at(self, version: int) -> "RowMac":
        """Return what tags rows of the table by another list of columns."""
        return RowMac(self._custody, self._table, version)

    def tag(self, *columns: str | int | bytes | None) -> bytes:
        """Return the tag of a row with these values."""
        return self._key.tag(self._encoded(columns))

    def verify(self, tag: bytes, *columns: str | int | bytes | None) -> None:
        """Return if the row was written by us. Raises IntegrityError."""
        self._key.verify(self._encoded(columns), tag)

    def _encoded(self, columns: tuple[str | int | bytes | None, ...]) -> bytes:
        # No column is ever the bytes b"\0none", so NULL has an encoding of its own.
        values = (b"\0none" if column is None else column for column in columns)
        return canonical(self._table, self.version, *values)
