"""TLS keys reach OpenSSL through memory and never through a file."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.generation import generate_key
from ca_service.custody.memory import tls_key_file
from ca_service.kernel.secret_value import SecretValue


def test_openssl_loads_the_key_from_the_path() -> None:
    key = generate_key(KeyAlgorithm.EC_P256)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key)
    builder = builder.serial_number(1).not_valid_before(moment).not_valid_after(moment + timedelta(days=1))
    certificate = builder.sign(key.certificate_key, SHA256()).public_bytes(Encoding.PEM).decode()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tls_key_file(SecretValue(key.pkcs8_pem().reveal() + certificate)) as path:
        context.load_cert_chain(path)


def test_the_path_is_no_file_of_any_directory() -> None:
    with tls_key_file(SecretValue("key")) as path:
        assert path.startswith("/proc/self/fd/")
        assert str(Path(path).readlink()).startswith("/memfd:")


def test_the_key_is_gone_afterwards() -> None:
    with tls_key_file(SecretValue("key")) as path:
        pass
    with pytest.raises(OSError, match="No such file"):
        Path(path).read_bytes()
