"""Whatever a certificate says, it reads back as that; whatever a key line holds, it comes back the same."""

from base64 import b64encode
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from ssh_ca.certificate_reader import read_certificate
from ssh_ca.certificates import CertificateContent, CertificateType
from ssh_ca.encoder import sign_certificate
from ssh_ca.public_keys import parse_public_key
from ssh_ca.wire import WireReader, mpint, string, uint64
from tests.support.ssh_ground import every_subject_key, make_signer

SUBJECT_KEYS = every_subject_key()
SIGNER, AUTHORITY = make_signer()
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
moments = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0)
)
contents = st.builds(
    CertificateContent,
    subject_key=st.sampled_from(list(SUBJECT_KEYS.values())),
    serial_number=st.integers(0, 2**64 - 1),
    type=st.sampled_from(list(CertificateType)),
    key_id=texts,
    principals=st.lists(texts, max_size=20).map(tuple),
    valid_after=moments,
    valid_before=moments,
    critical_options=st.dictionaries(texts, st.one_of(st.just(""), texts), max_size=6),
    extensions=st.dictionaries(texts, st.one_of(st.just(""), texts), max_size=6),
)


@settings(max_examples=150, deadline=None)
@given(content=contents, nonce=st.binary(min_size=32, max_size=32))
def test_a_certificate_reads_back_as_what_it_should_say(content: CertificateContent, nonce: bytes) -> None:
    certificate = sign_certificate(content, SIGNER, AUTHORITY, nonce)
    assert read_certificate(certificate, SIGNER.public_key) == content


@given(value=st.binary(min_size=32, max_size=32), comment=st.text("abc @.-", max_size=30))
def test_every_ed25519_key_line_is_read_as_its_blob(value: bytes, comment: str) -> None:
    blob = string(b"ssh-ed25519") + string(value)
    key = parse_public_key(f"ssh-ed25519 {b64encode(blob).decode()} {comment}")
    assert (key.blob, key.fields) == (blob, string(value))


@given(value=st.integers(1, 2**4096))
def test_every_mpint_is_read_as_its_number(value: int) -> None:
    reader = WireReader(mpint(value))
    assert (reader.mpint(), reader.is_at_end) == (value, True)


@given(value=st.integers(0, 2**64 - 1))
def test_every_number_of_eight_bytes_is_read_as_itself(value: int) -> None:
    assert WireReader(uint64(value)).uint64() == value
