"""Names, subjects and states of authorities that succeed one another."""

import re

import msgspec
from cryptography import x509
from cryptography.x509.oid import NameOID

from ca_service.custody.withheld_keys import PublicKey
from ca_service.x509.authorities import Authority, AuthorityStatus

_LONGEST_NAME = 63
_GENERATED = re.compile(r" [0-9a-f]{8}")


def stepped_back(former: Authority, name: str) -> Authority:
    """Return an authority that was succeeded: under another name, issuing nothing."""
    changed: Authority = msgspec.structs.replace(
        former, name=name, status=AuthorityStatus.DISABLED, version=former.version + 1
    )
    return changed


def former_name(authority: Authority) -> str:
    """Return the name that an authority keeps on under, if none is given: with the day it was made."""
    return shortened(authority.name, f"-{authority.created_at:%Y-%m-%d}")


def shortened(name: str, suffix: str) -> str:
    """Return a name with a suffix, as long as a name may be."""
    return name[: _LONGEST_NAME - len(suffix)].rstrip("-") + suffix


def successor_subject(former: Authority, public_key: PublicKey, common_name: str | None) -> x509.Name:
    """Return the name of a successor: like the one before, but for the end of the common name.

    Two authorities with one name and two keys confuse those who look for issuers by name.
    """
    subject = x509.load_der_x509_certificate(former.certificate_der).subject
    kept = [attribute for attribute in subject if attribute.oid != NameOID.COMMON_NAME]
    if common_name is None:
        found = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        base = str(found[0].value) if found else former.name
        if _GENERATED.fullmatch(base[-9:]):
            base = base[:-9]
        digest = x509.SubjectKeyIdentifier.from_public_key(public_key).digest.hex()[:8]
        common_name = f"{base[:55].rstrip()} {digest}"
    return x509.Name([*kept, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
