"""What was tried: one value for each connection, for errors and the trail."""

from msgspec import Struct


class Attempt(Struct, frozen=True):
    """One address that was tried for one host; `outcome` is `connected`, or why not."""

    host: str
    address: str
    port: int
    outcome: str
