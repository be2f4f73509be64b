"""The port of challenge validators: one file per challenge fills it."""

from typing import Protocol

from acme.challenges import Challenge, ChallengeType
from acme.identifiers import Identifier


class Validator(Protocol):
    """Looks at the world and says whether one kind of challenge is met."""

    @property
    def type(self) -> ChallengeType:
        """Return the challenge that this validates."""

    def is_offered_for(self, identifier: Identifier) -> bool:
        """Return whether a client may prove this identifier so."""

    async def validate(self, challenge: Challenge) -> None:
        """Return if the challenge is met. Raises acme.errors.ValidationError."""
