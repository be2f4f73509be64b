"""What tags the rows of hosts, of their tokens and of login mappings (S5)."""

from ca_service.custody.custody import Custody
from ca_service.identity.row_macs import RowMac
from ssh_ca.storage import host_tokens, hosts, login_mappings


class HostRows:
    """The tags of the three tables."""

    def __init__(self, custody: Custody) -> None:
        self.host_mac = RowMac(custody, hosts.TABLE)
        self.token_mac = RowMac(custody, host_tokens.TABLE)
        self.mapping_mac = RowMac(custody, login_mappings.TABLE)
