"""Why a certificate was revoked, by the names of RFC 5280 section 5.3.1."""

from enum import StrEnum


class RevocationReason(StrEnum):
    """A reason a caller may give; a revocation is for good, so certificateHold is not offered."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "keyCompromise"
    CA_COMPROMISE = "cACompromise"
    AFFILIATION_CHANGED = "affiliationChanged"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessationOfOperation"
    PRIVILEGE_WITHDRAWN = "privilegeWithdrawn"
    AA_COMPROMISE = "aACompromise"

    @property
    def code(self) -> int:
        """Return the number that stands in a CRL entry and in ACME's revokeCert."""
        return _CODES[self]


_CODES = {
    RevocationReason.UNSPECIFIED: 0,
    RevocationReason.KEY_COMPROMISE: 1,
    RevocationReason.CA_COMPROMISE: 2,
    RevocationReason.AFFILIATION_CHANGED: 3,
    RevocationReason.SUPERSEDED: 4,
    RevocationReason.CESSATION_OF_OPERATION: 5,
    RevocationReason.PRIVILEGE_WITHDRAWN: 9,
    RevocationReason.AA_COMPROMISE: 10,
}

#: The reason of each code that ACME may send (RFC 8555 section 7.6); 6 and 8 are missing on purpose.
REASON_OF_CODE = {code: reason for reason, code in _CODES.items()}
