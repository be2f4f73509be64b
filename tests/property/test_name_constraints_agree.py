"""What our name constraints allow is what an X.509 verifier of somebody else accepts."""

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from hypothesis import given, settings
from hypothesis import strategies as st

from ca_service.policy.names import NameKind, parse_dns_name
from ca_service.x509.name_constraints import NameConstraints, Subtree, constraints_extension, parse_subtree
from tests.support.external_ca import ExternalCa

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
_LABELS = st.sampled_from(["a", "b", "ab"])
_DOMAINS = st.lists(_LABELS, max_size=3).map(lambda labels: ".".join((*labels, "test")))
_SUBTREES = st.lists(_DOMAINS.map(lambda text: parse_subtree(NameKind.DNS, text, field="f")), max_size=2)
_NAMES = st.lists(_LABELS, min_size=1, max_size=3).map(lambda labels: ".".join((*labels, "test")))


def is_accepted(constraints: NameConstraints, name: str) -> bool:
    """Tell whether a certificate for the name verifies below an authority with these constraints."""
    further: tuple[tuple[x509.ExtensionType, bool], ...] = ()
    if not constraints.is_empty:
        further = ((constraints_extension(constraints), True),)
    issuer = ExternalCa("Narrow", NOW, further=further)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(issuer.name)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False
        )
    )
    leaf = builder.sign(issuer.key, hashes.SHA256())
    verifier = PolicyBuilder().store(Store([issuer.certificate])).time(NOW)
    asked = x509.DNSName(name.replace("*", "z", 1))
    try:
        verifier.build_server_verifier(asked).verify(leaf, [])
    except VerificationError:
        return False
    return True


@settings(max_examples=50, deadline=None)
@given(permitted=_SUBTREES, excluded=_SUBTREES, name=_NAMES)
def test_a_name_passes_here_exactly_if_a_verifier_accepts_it(
    permitted: list[Subtree], excluded: list[Subtree], name: str
) -> None:
    constraints = NameConstraints(tuple(permitted), tuple(excluded))
    assert (constraints.refusal(parse_dns_name(name)) is None) == is_accepted(constraints, name)


@settings(max_examples=50, deadline=None)
@given(permitted=_SUBTREES, excluded=_SUBTREES, name=_NAMES)
def test_a_wildcard_that_passes_here_is_accepted_by_a_verifier(
    permitted: list[Subtree], excluded: list[Subtree], name: str
) -> None:
    constraints = NameConstraints(tuple(permitted), tuple(excluded))
    if constraints.refusal(parse_dns_name("*." + name)) is None:
        assert is_accepted(constraints, "*." + name)
