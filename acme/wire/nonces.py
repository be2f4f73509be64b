"""Nonces that cost nothing to make and pass once (RFC 8555 section 6.5; S16).

A nonce is the minute it was made in, 96 random bits and a MAC over both, so that any instance can check it,
also after a restart. Only the use of one is written down.
"""

from datetime import datetime, timedelta
from typing import Protocol

from acme.errors import BadNonceError
from acme.wire import base64url
from ca_service.custody.errors import IntegrityError
from ca_service.kernel.errors import MalformedError
from ca_service.kernel.randomness import Randomness

LIFETIME = timedelta(hours=1)
_MINUTE = 60
_BUCKET = 4
_RANDOM = 12
_TAG = 32
#: How far the clock of the instance that made a nonce may be ahead of the one that reads it, in minutes.
_AHEAD = 2


class NonceMac(Protocol):
    """The subkey that nonces are tagged with."""

    def tag(self, data: bytes) -> bytes:
        """Return 32 bytes."""

    def verify(self, data: bytes, tag: bytes) -> None:
        """Raise IntegrityError unless `tag` is that of `data`."""


class Nonces:
    """Mints and reads nonces; `chaos` is the share of good ones to refuse, for authors of clients."""

    def __init__(self, mac: NonceMac, randomness: Randomness, *, chaos: float = 0.0) -> None:
        self._mac = mac
        self._randomness = randomness
        self._chaos = chaos

    def mint(self, now: datetime) -> str:
        """Return a nonce that is good for an hour."""
        body = _minutes(now).to_bytes(_BUCKET, "big") + self._randomness.token_bytes(_RANDOM)
        return base64url.encode(body + self._mac.tag(body))

    def parse(self, nonce: str, now: datetime) -> bytes:
        """Return what a nonce of ours is remembered by once it is used.

        Raises BadNonceError for anything that is not ours or older than an hour.
        """
        try:
            raw = base64url.decode(nonce, "nonce")
        except MalformedError as error:
            raise BadNonceError(error.detail) from error
        if len(raw) != _BUCKET + _RANDOM + _TAG:
            raise BadNonceError("The nonce is none of ours; use the one of this answer.")
        body, tag = raw[:-_TAG], raw[-_TAG:]
        try:
            self._mac.verify(body, tag)
        except IntegrityError as error:
            raise BadNonceError("The nonce is none of ours; use the one of this answer.") from error
        age = _minutes(now) - int.from_bytes(body[:_BUCKET], "big")
        if not -_AHEAD <= age <= LIFETIME // timedelta(minutes=1):
            raise BadNonceError("The nonce is older than an hour; use the one of this answer.")
        return body

    def refuse_some(self) -> None:
        """Raise BadNonceError for the configured share of calls (`[acme.chaos] reject_nonces`)."""
        if self._chaos and int.from_bytes(self._randomness.token_bytes(4), "big") < self._chaos * 2**32:
            raise BadNonceError("The nonce was refused on purpose: `reject_nonces` is set on this server.")


def _minutes(now: datetime) -> int:
    return int(now.timestamp()) // _MINUTE
