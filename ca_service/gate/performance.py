"""One operation under way, with its children: what was ruled, and whether it still holds."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeAlias

import msgspec

from ca_service.database.port import Transaction
from ca_service.gate.caller import Caller
from ca_service.gate.errors import OverlongCredentialError, PolicyChangedError
from ca_service.gate.handler import ExternalHandler, Handler, Prepared, Reader, Revealer
from ca_service.gate.port import Once
from ca_service.gate.principals import principal_of
from ca_service.gate.question import Question, Ruling
from ca_service.policy.values import Principal

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

    def ask_again(self, prepared: Prepared[Any]) -> None:
        """Put the question as it was prepared anew; it is to be ruled on again."""
        self.question = msgspec.structs.replace(
            self.question, accesses=prepared.accesses, details=prepared.details
        )

    def details(self, answer: Any) -> Mapping[str, Any]:
        """Return what the trail is told of this act once it is done."""
        details = self.question.details
        handler = self.handler
        told = handler.details(answer) if isinstance(handler, Handler | Revealer | ExternalHandler) else None
        decisions = tuple(dict.fromkeys(self.ruling.grant.decisions))
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

    __slots__ = ("_once", "acts", "caller", "is_recording", "principal", "sponsor")

    def __init__(self, caller: Caller, once: Once | None = None) -> None:
        self.acts: list[Act] = []
        self.is_recording = False
        self._once = once
        self.replace_caller(caller)

    @property
    def generation(self) -> int:
        """Return the oldest policy generation that a ruling, or the caller's roles, rests on."""
        generations = [act.ruling.grant.generation for act in self.acts]
        sponsor = self.caller.on_behalf_of
        mine = (self.caller.generation, None if sponsor is None else sponsor.generation)
        return min([*generations, *(each for each in mine if each is not None)])

    @property
    def rests_on_stored_rights(self) -> bool:
        """Tell whether roles or credentials in rows say what the caller or its sponsor may do (S14)."""
        sponsor = self.caller.on_behalf_of
        return self.caller.generation is not None or (sponsor is not None and sponsor.generation is not None)

    def replace_caller(self, caller: Caller) -> None:
        """Go on as the caller with the roles it holds now, and its sponsor likewise."""
        self.caller = caller
        self.principal = principal_of(caller)
        sponsor = caller.on_behalf_of
        self.sponsor = None if sponsor is None else principal_of(sponsor)

    def principals_for(self, question: Question) -> tuple[Principal, ...]:
        """Return everybody as whom a question is decided: all of them must be permitted (S2)."""
        if self.sponsor is None or not question.operation.for_sponsor:
            return (self.principal,)
        return (self.principal, self.sponsor)

    @property
    def must_be_first(self) -> bool:
        """Tell whether something is still to be used up."""
        return self._once is not None

    def use_once(self, transaction: Transaction) -> None:
        """Use up in this transaction what the request may be performed with once only."""
        if self._once is not None:
            self._once.use(transaction)

    def was_used(self) -> None:
        """Take note that the transaction in which it was used up is durable."""
        if self._once is not None:
            self._once.was_used()
            self._once = None

    def begin_recording(self) -> None:
        """Forget what an earlier attempt recorded: its transaction was left."""
        self.is_recording = True
        for act in self.acts:
            act.is_recorded = False
