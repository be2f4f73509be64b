"""What protects the rows of the vault: tags over where things lie, seals over what they hold (S5)."""

from ca_service.custody.custody import Custody
from ca_service.custody.derivation import canonical
from ca_service.custody.sealing import RecordName
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.tenancy import Tenant
from secrets_core.vault.storage.tables import FOLDERS, SECRETS, VERSIONS

_NOTES = f"{VERSIONS.name}.notes"


#: How many rows are remembered as ours, of folders and of secrets each.
_REMEMBERED = 4096
_Column = str | int | bytes | None


class RememberingMac(RowMac):
    """Tags rows, and knows again those it has tagged or verified: the same content under the same tag.

    Rows are read far more often than they change, and a tag costs more than a look.
    """

    def __init__(self, custody: Custody, table: str) -> None:
        super().__init__(custody, table)
        self._known: set[tuple[bytes, tuple[_Column, ...]]] = set()

    def tag(self, *columns: _Column) -> bytes:
        """Return the tag of a row with these values."""
        tag = super().tag(*columns)
        self._remember(tag, columns)
        return tag

    def verify(self, tag: bytes, *columns: _Column) -> None:
        """Return if the row was written by us. Raises IntegrityError."""
        if (tag, columns) not in self._known:
            super().verify(tag, *columns)
            self._remember(tag, columns)

    def _remember(self, tag: bytes, columns: tuple[_Column, ...]) -> None:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known.add((tag, columns))


class VaultRows:
    """The tags of folders and secrets, and the digests of values."""

    def __init__(self, custody: Custody) -> None:
        self.folder_mac = RememberingMac(custody, FOLDERS.name)
        self.secret_mac = RememberingMac(custody, SECRETS.name)
        self._digest = custody.mac_key("secret digests")

    def digest(self, tenant: Tenant, secret: str, value: bytes) -> bytes:
        """Return the keyed hash of a value of this secret; elsewhere the same value has another."""
        return self._digest.tag(canonical(tenant.organization, tenant.project, secret, value))


def value_record(secret: str, version: int) -> RecordName:
    """Return the name under which the value of a version is sealed."""
    return RecordName(VERSIONS.name, secret, version)


def notes_record(secret: str, version: int) -> RecordName:
    """Return the name under which what stands beside that value is sealed."""
    return RecordName(_NOTES, secret, version)
