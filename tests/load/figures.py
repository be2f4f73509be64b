"""What a load gave, and how it is printed."""

from typing import NamedTuple

HEAD = ("what", "rate/s", "p50 ms", "p99 ms", "cpu µs", "db µs", "gen µs", "trips", "floor")


class Figure(NamedTuple):
    """One line of the report. Latencies in milliseconds, CPU in microseconds per request or flow.

    `cpu` is the service's with all its workers, `database_cpu` that of PostgreSQL's processes,
    `generator_cpu` what sending cost. `round_trips` is None where there is no database.
    """

    what: str
    rate: float
    p50: float
    p99: float
    cpu: float
    database_cpu: float
    generator_cpu: float
    round_trips: float | None
    errors: int
    of_floor: float | None = None
    idle_megabytes: float | None = None


def print_head() -> None:
    """Print the names of the columns."""
    print("{:44} {:>7} {:>7} {:>7} {:>7} {:>6} {:>6} {:>6} {:>6}".format(*HEAD))


def print_figure(figure: Figure) -> None:
    """Print one line."""
    trips = "-" if figure.round_trips is None else f"{figure.round_trips:.1f}"
    floor = "-" if figure.of_floor is None else f"{figure.of_floor:.2f}"
    print(
        f"{figure.what:44} {figure.rate:7.0f} {figure.p50:7.2f} {figure.p99:7.2f} {figure.cpu:7.0f} "
        f"{figure.database_cpu:6.0f} {figure.generator_cpu:6.0f} {trips:>6} {floor:>6}"
        + (f"   {figure.errors} errors" if figure.errors else ""),
        flush=True,
    )
