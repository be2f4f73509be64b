"""One operation under way, with its children: what was ruled, and whether it still holds."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeAlias

from ca_service.gate.caller import Caller
from ca_service.gate.errors import OverlongCredentialError, PolicyChangedError
from ca_service.gate.handler import ExternalHandler, Handler, Reader
from ca_service.gate.principals import principal_of
from ca_service.gate.question import Question, Ruling

AnyHandler: TypeAlias = "Handler[Any, Any, Any, Any] | Reader[Any, Any] | ExternalHandler[Any, Any, Any, Any]"


class Act:
    """One operation that was decided; the ruling is replaced when the policy changes under it."""

    __slots__ = ("handler", "is_recorded", "question", "ruling", "signed")

    def __init__(self, handler: AnyHandler, question: Question, ruling: Ruling) -> None:
        self.handler = handler
        self.question = question
        self.ruling = ruling
        self.signed: Any = None
        self.is_recorded = False

    def keep_signed(self, signed: Any) -> None:
        """Keep what was signed. Raises OverlongCredentialError if it outlives the grant."""
        if self._outlives_grant(signed):
            raise OverlongCredentialError(
                f"{type(self.question.operation).__name__} signed for longer than it was granted"
            )
        self.signed = signed

    def rule_again(self, ruling: Ruling) -> None:
        """Put a new ruling in place. Raises PolicyChangedError if what was signed is now too long."""
        self.ruling = ruling
        if self._outlives_grant(self.signed):
            raise PolicyChangedError(
                "The policy was tightened while this was being signed; nothing was issued. Send the request "
                "again.",
                retry_after=timedelta(seconds=1),
            )

    def details(self, answer: Any) -> Mapping[str, Any]:
        """Return what the trail is told of this act once it is done."""
        details = self.question.details
        told = self.handler.details(answer) if isinstance(self.handler, Handler) else None
        decisions = self.ruling.grant.decisions
        if not told and len(decisions) == 1:
            return details
        joined = {**details, **(told or {})}
        if len(decisions) > 1:
            joined["decisions"] = list(decisions)
        return joined

    def _outlives_grant(self, signed: Any) -> bool:
        ceiling = self.ruling.grant.max_ttl
        if ceiling is None:
            return False
        lifetime = getattr(signed, "lifetime", None)
        return isinstance(lifetime, timedelta) and lifetime > ceiling


class Performance:
    """The acts of one request: its own operation first, then the children it asked for."""

    __slots__ = ("acts", "caller", "is_recording", "principal")

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.principal = principal_of(caller)
        self.acts: list[Act] = []
        self.is_recording = False

    @property
    def generation(self) -> int:
        """Return the oldest policy generation that a ruling, or the caller's roles, rests on."""
        oldest = min([act.ruling.grant.generation for act in self.acts])
        mine = self.caller.generation
        return oldest if mine is None else min(oldest, mine)

    def replace_caller(self, caller: Caller) -> None:
        """Go on as the caller with the roles it holds now."""
        self.caller = caller
        self.principal = principal_of(caller)

    def begin_recording(self) -> None:
        """Forget what an earlier attempt recorded: its transaction was left."""
        self.is_recording = True
        for act in self.acts:
            act.is_recorded = False
