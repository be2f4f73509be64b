"""How often an operation waited for the database, from the service's own measurements.

One wait of one operation is one round trip: what is sent together counts once, BEGIN and COMMIT sent with it
nothing, reads from a cache nothing. Housekeeping's waits are in the sum; under load they are lost in it.
"""

import re
from typing import NamedTuple

from tests.support.server import Server

_TRIES = 100


class Counts(NamedTuple):
    """What one process has counted so far."""

    waits: float
    operations: float


def count_by_process(server: Server, workers: int) -> dict[str, Counts]:
    """Return the counts of every worker; each answers `/metrics` for itself alone."""
    counts: dict[str, Counts] = {}
    for _ in range(_TRIES):
        text = server.get("/metrics").body.decode()
        process = re.search(r'^keywright_info{[^}]*process="(\d+)"', text, re.MULTILINE)
        assert process is not None, text
        counts[process[1]] = Counts(
            _value("keywright_database_waits_total", text), _value("keywright_operations_total", text)
        )
        if len(counts) == workers:
            return counts
    raise RuntimeError(f"of {workers} workers only {len(counts)} answered")


def trips_per_operation(before: dict[str, Counts], after: dict[str, Counts]) -> float | None:
    """Return the round trips of one operation between two counts."""
    waits = sum(counts.waits for counts in after.values()) - sum(counts.waits for counts in before.values())
    operations = sum(counts.operations for counts in after.values()) - sum(
        counts.operations for counts in before.values()
    )
    return waits / operations if operations > 0 else None


def _value(name: str, text: str) -> float:
    found = re.search(rf"^{name} ([0-9.e+]+)$", text, re.MULTILINE)
    assert found is not None, f"{name} is not among the measurements"
    return float(found[1])
