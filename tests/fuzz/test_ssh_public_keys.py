"""The readers of SSH bytes answer any input with a value or with their own error, and nothing else."""

from base64 import b64encode

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ca_service.kernel.errors import KeywrightError, MalformedError, UnacceptableError
from ssh_ca.certificate_reader import parse_certificate, read_certificate
from ssh_ca.errors import WireError
from ssh_ca.public_keys import KEY_TYPES, SubjectKey, parse_blob, parse_public_key
from tests.support.ssh_ground import every_subject_key, make_signer, unknown_certificate_line

KEYS = list(every_subject_key().values())
SIGNER, _ = make_signer()
kinds = st.sampled_from(sorted(KEY_TYPES))


def as_line(blob: bytes) -> str:
    return f"ssh-ed25519-cert-v01@openssh.com {b64encode(blob).decode()}"


def verify_names_the_field(error: KeywrightError) -> None:
    assert error.field == "public_key"


@settings(deadline=None)
@given(line=st.one_of(st.text(max_size=200), st.builds("{} {}".format, kinds, st.text(max_size=200))))
@example(line="ssh-ed25519 " + "A" * 4000)
@example(line="ssh-ed25519 \ud800")
def test_any_line_is_read_or_refused(line: str) -> None:
    try:
        parse_public_key(line)
    except (MalformedError, UnacceptableError) as error:
        verify_names_the_field(error)


@settings(deadline=None)
@given(kind=kinds, blob=st.binary(max_size=600))
def test_any_blob_is_read_or_refused(kind: str, blob: bytes) -> None:
    try:
        parse_blob(blob, declared=kind)
    except (MalformedError, UnacceptableError) as error:
        verify_names_the_field(error)


@settings(deadline=None)
@given(subject=st.sampled_from(KEYS), position=st.integers(0, 600), value=st.integers(0, 255))
def test_a_key_with_a_changed_byte_is_read_as_it_stands_or_refused(
    subject: SubjectKey, position: int, value: int
) -> None:
    changed = bytearray(subject.blob)
    changed[position % len(changed)] = value
    line = f"{subject.type} {b64encode(bytes(changed)).decode()}"
    try:
        assert parse_public_key(line).blob == bytes(changed)
    except (MalformedError, UnacceptableError) as error:
        verify_names_the_field(error)


@settings(deadline=None)
@given(certificate=st.binary(max_size=600))
def test_no_stray_bytes_are_a_certificate(certificate: bytes) -> None:
    try:
        read_certificate(certificate, SIGNER.public_key)
    except (WireError, MalformedError, UnacceptableError):
        return
    raise AssertionError("stray bytes were taken for a certificate")


CERTIFICATE = msgspec.convert(unknown_certificate_line().split(" ")[1], bytes)


@settings(deadline=None)
@given(line=st.one_of(st.text(max_size=200), st.binary(max_size=300).map(as_line)))
def test_any_certificate_line_is_read_or_refused(line: str) -> None:
    with pytest.raises((MalformedError, UnacceptableError)):
        parse_certificate(line)


@settings(deadline=None)
@given(position=st.integers(0, len(CERTIFICATE) - 1), value=st.integers(0, 255), cut=st.integers(0, 40))
def test_a_certificate_that_was_changed_or_cut_is_refused(position: int, value: int, cut: int) -> None:
    changed = bytearray(CERTIFICATE)
    changed[position] = value
    sent = bytes(changed[: len(changed) - cut])
    if sent == CERTIFICATE:
        return
    with pytest.raises((MalformedError, UnacceptableError)):
        parse_certificate(as_line(sent))
