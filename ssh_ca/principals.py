"""Principals and key ids: the names sshd compares and logs, kept free of what fooled it before.

An empty list, a comma and a wildcard each opened a door in some version (CVE-2024-7594, CVE-2026-35414).
"""

import re
from collections.abc import Sequence

from ca_service.policy.names import Name, NameRefusedError, parse_dns_name, parse_ip_address, parse_principal
from ssh_ca.certificates import CertificateType
from ssh_ca.errors import KeyIdRefusedError, PrincipalsRefusedError

#: More than sshd takes from one certificate.
MOST_PRINCIPALS = 256
_ADDRESS = re.compile(r"[0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_KEY_ID = re.compile(r"[\x20-\x7e]{1,256}")


def parse_principals(asked: Sequence[str], kind: CertificateType) -> tuple[Name, ...]:
    """Return the principals in the form that is signed, each once, in the order asked for.

    Users have login names; hosts have DNS names or addresses, spelled out. Raises PrincipalsRefusedError or
    NameRefusedError.
    """
    if not asked:
        raise PrincipalsRefusedError(
            "A certificate without principals would open every account; name at least one.",
            field="principals",
            rule="principals-missing",
        )
    if len(asked) > MOST_PRINCIPALS:
        raise PrincipalsRefusedError(
            f"sshd takes at most {MOST_PRINCIPALS} principals from one certificate; ask for fewer.",
            field="principals",
            rule="principals-too-many",
        )
    parse = parse_principal if kind is CertificateType.USER else _parse_host
    return tuple(dict.fromkeys(parse(text, field=f"principals[{i}]") for i, text in enumerate(asked)))


def parse_one_principal(text: str, kind: CertificateType, *, field: str) -> Name:
    """Return one principal in the form that is signed. Raises NameRefusedError."""
    return (
        parse_principal(text, field=field) if kind is CertificateType.USER else _parse_host(text, field=field)
    )


def parse_key_id(text: str) -> str:
    """Return a key id of 1 to 256 printable ASCII characters. Raises KeyIdRefusedError."""
    if not _KEY_ID.fullmatch(text):
        raise KeyIdRefusedError(
            "A key id has 1 to 256 printable ASCII characters: sshd writes it into its log.",
            field="key_id",
            rule="key-id",
        )
    return text


def _parse_host(text: str, *, field: str) -> Name:
    if _ADDRESS.fullmatch(text):
        return parse_ip_address(text, field=field)
    name = parse_dns_name(text, field=field)
    if name.is_wildcard:
        raise NameRefusedError(
            "Clients before OpenSSH 10.3 match no wildcards in host certificates; name each host.",
            field=field,
            rule="principal-wildcard",
        )
    return name
