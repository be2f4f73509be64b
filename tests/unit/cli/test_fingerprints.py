"""The root's fingerprint, however a person copies it."""

import pytest
import typer

from ca_service.cli.trust import parse_fingerprint

HEX = "00a1" * 16
COLONS = ":".join(HEX[place : place + 2] for place in range(0, 64, 2))


@pytest.mark.parametrize(
    "text",
    [
        HEX,
        HEX.upper(),
        f" {HEX}\n",
        COLONS,
        COLONS.upper(),
        f"SHA256:{HEX}",
        f"sha256 Fingerprint={COLONS}",
        f"{HEX[:32]} {HEX[32:]}",
    ],
)
def test_given_any_usual_spelling_then_it_is_the_same_fingerprint(text: str) -> None:
    assert parse_fingerprint(text) == HEX


@pytest.mark.parametrize(
    "text", ["", HEX[:-1], HEX + "0", HEX[:-1] + "g", "SHA256:", HEX[:40], "\u0660" * 64]
)
def test_given_anything_else_then_it_is_wrong_usage(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="64 hexadecimal digits"):
        parse_fingerprint(text)
