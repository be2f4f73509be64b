"""How often the service waited for its database, from its own measurements.

One wait of one caller is one round trip: what is sent together counts once, BEGIN and COMMIT sent with it
nothing, reads from a cache nothing. Housekeeping's waits are in the sum; under load they are lost in it.

They are counted by request of the load, not by operation of the gate: to read the ACME directory or to fetch
a nonce is no operation, and reads the database all the same.
"""

import re

from tests.support.server import Server

_TRIES = 100


def count_waits(server: Server, workers: int) -> float:
    """Return the waits of all workers so far; each answers `/metrics` for itself alone."""
    counts: dict[str, float] = {}
    for _ in range(_TRIES):
        text = server.get("/metrics").body.decode()
        process = re.search(r'^keywright_info{[^}]*process="(\d+)"', text, re.MULTILINE)
        assert process is not None, text
        counts[process[1]] = _value("keywright_database_waits_total", text)
        if len(counts) == workers:
            return sum(counts.values())
    raise RuntimeError(f"of {workers} workers only {len(counts)} answered")


def _value(name: str, text: str) -> float:
    found = re.search(rf"^{name} ([0-9.e+]+)$", text, re.MULTILINE)
    assert found is not None, f"{name} is not among the measurements"
    return float(found[1])
