"""New authorizations with the challenges that may prove them (RFC 8555 sections 7.1.4 and 8)."""

from collections.abc import Collection, Iterable
from datetime import datetime

from acme.authorizations import PENDING_LIFETIME, Authorization, AuthorizationId
from acme.challenges import Challenge, ChallengeId, ChallengeType, offered_for
from acme.directories import Directory
from acme.errors import IdentifierFault
from acme.identifiers import Identifier, rejection
from acme.storage.scope import Scope
from acme.wire import base64url
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness

#: 256 bits; section 8 asks for 128.
_TOKEN_SIZE = 32


class AuthorizationDrafts:
    """Makes authorizations with challenges of the types that are `known` here, each with its own token."""

    def __init__(
        self, identifiers: Identifiers, randomness: Randomness, known: Collection[ChallengeType]
    ) -> None:
        self._identifiers = identifiers
        self._randomness = randomness
        self._known = frozenset(known)

    def verify_provable(self, directory: Directory, identifiers: Iterable[Identifier]) -> None:
        """Refuse identifiers for which this directory offers no challenge. Raises RejectedIdentifierError."""
        faults = [
            IdentifierFault(
                identifier.type,
                identifier.value,
                f"`{identifier.value}` cannot be proved here: no challenge of this directory covers "
                f"{'wildcards' if identifier.is_wildcard else 'it'}.",
            )
            for identifier in identifiers
            if not self._offered(directory, identifier)
        ]
        if faults:
            raise rejection(faults)

    def draft(
        self, scope: Scope, directory: Directory, identifier: Identifier, now: datetime
    ) -> Authorization:
        """Return a pending authorization for an identifier that this directory can prove."""
        id_ = AuthorizationId(self._identifiers.new("authz"))
        challenges = [
            Challenge(
                id=ChallengeId(self._identifiers.new("chall")),
                tenant=scope.tenant,
                directory=scope.directory,
                account=scope.account,
                authorization=id_,
                identifier=identifier.base,
                type=type_,
                token=base64url.encode(self._randomness.token_bytes(_TOKEN_SIZE)),
            )
            for type_ in self._offered(directory, identifier)
        ]
        return Authorization(
            id=id_,
            tenant=scope.tenant,
            directory=scope.directory,
            account=scope.account,
            identifier=identifier.base,
            is_wildcard=identifier.is_wildcard,
            created_at=now,
            expires_at=now + PENDING_LIFETIME,
            deactivated_at=None,
            challenges=tuple(challenges),
        )

    def _offered(self, directory: Directory, identifier: Identifier) -> list[ChallengeType]:
        allowed = directory.rules.challenges
        offered = offered_for(identifier.base, identifier.is_wildcard, allowed)
        return [type_ for type_ in offered if type_ in self._known]
