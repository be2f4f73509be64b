"""What authorities publish for everyone: roots, their certificates, their CRLs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from msgspec import Struct
from msgspec.structs import replace

from ca_service.database.port import Database
from ca_service.kernel.errors import NotFoundError, UnavailableError
from ca_service.x509.authorities import Authority
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.issuers import pem_of
from ca_service.x509.publication import Publisher
from ca_service.x509.storage.authorities import find_public_authority
from ca_service.x509.storage.revocation_lists import (
    WHOLE,
    PublishedState,
    find_published_der,
    find_published_state,
)

#: How long caches keep what a revocation changes: it is published at once, so a minute only.
_CACHED_SECONDS = 60
_NEVER = datetime.max.replace(tzinfo=UTC)
_CACHED = timedelta(seconds=_CACHED_SECONDS)
_MOST_LISTS = 1024
_MOST_BYTES = 128 * 1024 * 1024
OCSP_RESPONSE = "application/ocsp-response"


class Artefact(Struct, frozen=True):
    """Bytes with what a cache needs to know; `max_age` is in seconds.

    `expires` is until when a signed answer is good, where caches are to be told (RFC 5019 section 6.2).
    `current` tells whether the same would be answered again; None where that is not known.
    """

    body: bytes
    media_type: str
    etag: str
    last_modified: datetime
    max_age: int
    expires: datetime | None = None
    current: Callable[[], bool] | None = None


class Standing:
    """Tells that no process announced a change since `standing` was taken, and that it is before `until`."""

    __slots__ = ("_catalogue", "_database", "_standing", "_until")

    def __init__(self, catalogue: Catalogue, database: Database, standing: int, until: datetime) -> None:
        self._catalogue = catalogue
        self._database = database
        self._standing = standing
        self._until = until

    def __call__(self) -> bool:
        """Tell it now."""
        return self._catalogue.standing() == self._standing and self._database.now() < self._until


class _KeptList(Struct, frozen=True):
    """A CRL in memory, and the state of the database in which it was the last one; None: look."""

    number: int
    next_update: datetime
    standing: int | None
    artefact: Artefact

    def is_usable(self, standing: int | None, now: datetime) -> bool:
        """Tell a list that is the last one, and whose `max_age` is still right."""
        return standing is not None and standing == self.standing and now < self.next_update - _CACHED


class _KeptLists:
    """The CRLs that were asked for last, up to so many bytes in all."""

    def __init__(self) -> None:
        self._lists: dict[tuple[str, str], _KeptList] = {}
        self._bytes = 0

    def get(self, key: tuple[str, str]) -> _KeptList | None:
        """Return a list, if it is kept."""
        return self._lists.get(key)

    def keep(self, authority_id: str, part: str, kept: _KeptList) -> None:
        """Keep a list over what was kept of it."""
        key = (authority_id, part)
        self._drop(key)
        while self._lists and (
            len(self._lists) >= _MOST_LISTS or self._bytes + len(kept.artefact.body) > _MOST_BYTES
        ):
            self._drop(next(iter(self._lists)))
        self._lists[key] = kept
        self._bytes += len(kept.artefact.body)

    def _drop(self, key: tuple[str, str]) -> None:
        former = self._lists.pop(key, None)
        if former is not None:
            self._bytes -= len(former.artefact.body)


class Artefacts:
    """Reads artefacts; no caller, no policy, nothing written."""

    def __init__(self, catalogue: Catalogue, database: Database, publisher: Publisher) -> None:
        self._catalogue = catalogue
        self._database = database
        self._publisher = publisher
        self._lists = _KeptLists()

    async def roots(self) -> Artefact:
        """Return the instance's trust anchors in PEM. Raises NotFoundError before first start made one."""
        standing = self._catalogue.standing()
        roots = await self._catalogue.trust_anchors()
        if not roots:
            raise NotFoundError("root")
        body = "".join(pem_of(root.certificate_der) for root in roots).encode("ascii")
        newest = max(root.not_before for root in roots)
        return self._lasting(_artefact(body, "application/x-pem-file", newest, max_age=3600), standing)

    async def certificate_der(self, authority_id: str) -> Artefact:
        """Return an authority's certificate (RFC 5280 section 4.2.2.1). Raises NotFoundError."""
        standing = self._catalogue.standing()
        authority = await self._authority(authority_id)
        der = authority.certificate_der
        return self._lasting(
            _artefact(der, "application/pkix-cert", authority.not_before, max_age=3600), standing
        )

    async def certificate_pem(self, authority_id: str) -> Artefact:
        """Return an authority's certificate in PEM. Raises NotFoundError."""
        standing = self._catalogue.standing()
        authority = await self._authority(authority_id)
        body = pem_of(authority.certificate_der).encode("ascii")
        return self._lasting(
            _artefact(body, "application/x-pem-file", authority.not_before, max_age=3600), standing
        )

    def _lasting(self, artefact: Artefact, standing: int | None) -> Artefact:
        """Return it as one that changes with an announcement only."""
        if standing is None:
            return artefact
        return replace(artefact, current=Standing(self._catalogue, self._database, standing, _NEVER))

    async def revocation_list(self, authority_id: str, part: str = WHOLE) -> Artefact:
        """Return a CRL of an authority in DER, a new one if it is behind. Raises NotFoundError.

        The complete one, or the shard `part`. While no process announces a change it comes from memory.
        """
        # Taken before anything is read: whatever changes later is announced later.
        standing, now = self._catalogue.standing(), self._database.now()
        kept = self._lists.get((authority_id, part))
        if kept is not None and kept.is_usable(standing, now):
            return kept.artefact
        state = await find_published_state(self._database, authority_id, part)
        if state is not None and state.is_behind:
            authority = await self._authority(authority_id)
            await self._publisher.publish_patiently(authority.tenant, authority_id, part)
            state = await find_published_state(self._database, authority_id, part)
        if state is None:
            raise NotFoundError("authority")
        return await self._list(authority_id, part, state, standing)

    async def _list(
        self, authority_id: str, part: str, state: PublishedState, standing: int | None
    ) -> Artefact:
        kept = self._lists.get((authority_id, part))
        if kept is not None and kept.number == state.number:
            der = kept.artefact.body
        else:
            found = await find_published_der(self._database, authority_id, part)
            if found is None or not found[1]:
                raise UnavailableError("This list is being signed for the first time; ask again.")
            if found[0] != state.number:
                # Published between the two reads: its ends are read with the next request.
                standing = None
            state, der = replace(state, number=found[0]), found[1]
        max_age = _max_age(state.next_update, self._database.now())
        # No two lists of an authority's part share a number (S6), and hashing a long one takes its time.
        etag = f'"{authority_id}-{part}-{state.number}"'
        if state.is_behind:
            standing = None
        current = None
        if standing is not None:
            current = Standing(self._catalogue, self._database, standing, state.next_update - _CACHED)
        artefact = Artefact(der, "application/pkix-crl", etag, state.this_update, max_age, current=current)
        self._lists.keep(authority_id, part, _KeptList(state.number, state.next_update, standing, artefact))
        return artefact

    async def _authority(self, authority_id: str) -> Authority:
        authority = await find_public_authority(self._database, self._catalogue.authority_mac, authority_id)
        if authority is None or authority.is_pending:
            raise NotFoundError("authority")
        return authority


def artefact_of_status(body: bytes, this_update: datetime, next_update: datetime, now: datetime) -> Artefact:
    """Return an OCSP answer as caches want it (RFC 5019 section 6.2)."""
    max_age = _max_age(next_update, now)
    return replace(_artefact(body, OCSP_RESPONSE, this_update, max_age=max_age), expires=next_update)


def _max_age(next_update: datetime, now: datetime) -> int:
    return max(0, min(_CACHED_SECONDS, int((next_update - now).total_seconds())))


def _artefact(body: bytes, media_type: str, last_modified: datetime, *, max_age: int) -> Artefact:
    return Artefact(body, media_type, f'"{sha256(body).hexdigest()[:32]}"', last_modified, max_age)
