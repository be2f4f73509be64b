"""Whatever a CSR asks for, the certificate stays inside its profile."""

import asyncio
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ca_service.kernel.errors import KeywrightError, Kind
from tests.support import hand_csr as hand
from tests.support.databases import SqliteTemplate, open_sqlite
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import CertificateGround, parse

_TEXT = st.text(max_size=40) | st.sampled_from(
    ["a.example", "*.a.example", "10.0.0.1", "A.EXAMPLE", "xn--bcher-kva.example", "a.example\x00b", "::1"]
)
_STRING_TAGS = st.sampled_from([0x0C, 0x13, 0x14, 0x16, 0x1C, 0x1E])
_SUBJECT = st.lists(
    st.builds(
        lambda tag, text, kind: hand.attribute(tag, text.encode("utf-8", "replace"), kind),
        _STRING_TAGS,
        _TEXT,
        st.sampled_from([hand.COMMON_NAME, "55040a", "550406", "2a864886f70d010901"]),
    ),
    max_size=3,
)
_GENERAL_NAME = st.builds(
    hand.der,
    st.sampled_from([0x82, 0x82, 0x82, 0x81, 0x86, 0x87, 0x88, 0xA0, 0xA4]),
    _TEXT.map(lambda text: text.encode("utf-8", "replace")) | st.binary(max_size=20),
)
_EXTENSION = st.one_of(
    st.lists(_GENERAL_NAME, max_size=4).map(lambda names: hand.alternative_names(*names)),
    st.sampled_from(
        [
            hand.extension(hand.BASIC_CONSTRAINTS, hand.der(0x30, hand.der(0x01, b"\xff"))),
            hand.extension(hand.BASIC_CONSTRAINTS, hand.der(0x30)),
            hand.extension(hand.KEY_USAGE, hand.der(0x03, b"\x01\x06")),
            hand.extension(hand.EXTENDED_KEY_USAGE, hand.der(0x30, hand.oid("2b06010505070303"))),
            hand.extension(hand.NAME_CONSTRAINTS, hand.der(0x30)),
            hand.extension(hand.POISON, hand.der(0x05)),
            hand.extension(hand.TLS_FEATURE, hand.der(0x30, hand.der(0x02, b"\x05"))),
            hand.extension("2b06010401823702", b"\x30\x00"),
        ]
    ),
)


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[asyncio.Runner, CertificateGround]]:
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory() as folder:
        clock = FakeClock()
        template = SqliteTemplate(Path(folder))
        database = runner.run(open_sqlite(template.copy_to(Path(folder)), clock))
        yield runner, runner.run(CertificateGround(database, clock).start())
        runner.run(database.close())


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    subject=_SUBJECT,
    extensions=st.lists(_EXTENSION, max_size=4),
    profile=st.sampled_from(["server", "client"]),
    ttl=st.none() | st.integers(-10, 300 * 86400).map(lambda seconds: timedelta(seconds=seconds)),
)
def test_the_certificate_stays_inside_its_profile(
    stage: tuple[asyncio.Runner, CertificateGround],
    subject: list[bytes],
    extensions: list[bytes],
    profile: str,
    ttl: timedelta | None,
) -> None:
    runner, ground = stage
    csr = hand.hand_csr(subject=tuple(subject), extensions=tuple(extensions))
    issued, refusal = None, None
    try:
        issued = runner.run(ground.issue(csr=csr, profile=profile, ttl=ttl))
    except KeywrightError as error:
        refusal = error
    if issued is None:
        assert refusal is not None
        assert refusal.kind in {Kind.MALFORMED, Kind.UNACCEPTABLE}
        assert refusal.rule is not None
        return
    certificate = parse(issued.certificate_pem)
    found: dict[Any, Any] = {extension.oid: extension for extension in certificate.extensions}
    assert found[x509.BasicConstraints.oid].value.ca is False
    purpose = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}[profile]
    assert list(found[x509.ExtendedKeyUsage.oid].value) == [purpose]
    assert not found[x509.KeyUsage.oid].value.key_cert_sign
    assert issued.not_after <= ground.clock.now() + timedelta(days=200)
    assert {attribute.oid for attribute in certificate.subject} <= {NameOID.COMMON_NAME}
    allowed = {"server": {"dns", "ip"}, "client": {"dns", "ip", "email", "uri"}}[profile]
    assert {name.kind.value for name in issued.names} <= allowed
    assert len(found) == (8 if issued.names else 7)
