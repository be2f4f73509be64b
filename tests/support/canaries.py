"""Canaries: texts that stand nowhere but in the secrets of a test, and how they could be found elsewhere."""

import base64
import json
import urllib.parse
from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg
from psycopg import sql

_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def forms_of(canary: str) -> dict[str, bytes]:
    """Return a canary as programs tend to write it down, wherever in a text it begins."""
    raw = canary.encode()
    forms = {
        "itself": raw,
        "hex": raw.hex().encode(),
        "upper-case hex": raw.hex().upper().encode(),
        "json": json.dumps(canary)[1:-1].encode(),
        "url": urllib.parse.quote(canary, safe="").encode(),
        "utf-16": canary.encode("utf-16-le"),
    }
    for offset in range(3):
        # What stands before and behind changes the first and the last digits; those between are always there.
        encoded = base64.b64encode(bytes(offset) + raw + bytes(3))
        first, last = -(-offset * 4 // 3), (offset + len(raw)) * 4 // 3
        forms[f"base64 at {offset}"] = encoded[first + 1 : last]
        forms[f"base64url at {offset}"] = forms[f"base64 at {offset}"].translate(
            bytes.maketrans(b"+/", b"-_")
        )
    return forms


def find_canaries(haystack: bytes, canaries: Iterable[str]) -> list[str]:
    """Return which canaries stand in some bytes, and how they are written there."""
    return [
        f"{canary} ({form})"
        for canary in canaries
        for form, needle in forms_of(canary).items()
        if needle in haystack
    ]


def files_below(*folders: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file below some folders with its content; one that vanishes meanwhile is none."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            try:
                if path.is_file():
                    yield str(path), path.read_bytes()
            except FileNotFoundError:
                continue


def rows_of(url: str) -> Iterator[tuple[str, bytes]]:
    """Yield every table of a PostgreSQL database with all its rows; binary columns stand as they are."""
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
    with psycopg.connect(url) as connection:
        for (table,) in connection.execute(tables).fetchall():
            copy = sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(sql.Identifier(table))
            with connection.cursor() as cursor, cursor.copy(copy) as rows:
                yield table, b"".join(bytes(piece) for piece in rows)
