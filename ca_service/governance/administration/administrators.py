"""Who else administers the instance, so that the bootstrap token can be ended (S13)."""

from collections.abc import Sequence

from ca_service.gate.caller import CallerKind
from ca_service.governance.membership_storage import MembershipRows
from ca_service.governance.memberships import ADMINISTRATOR, NO_ORGANIZATION
from ca_service.identity.bootstrap import BootstrapToken
from ca_service.identity.storage import IdentityRows
from ca_service.web.instance.operations import Notice
from ca_service.web.module import Ground

BOOTSTRAP_ALIVE = (
    "the bootstrap token of DATA/admin-token still opens everything, although there is another administrator "
    "of the instance; end it with `keywright admin disable-token`"
)
_LOOKED_AT = 1000


class Administrators:
    """The identities that hold the role of an instance administrator."""

    def __init__(self, ground: Ground) -> None:
        self._database = ground.database
        self._rows = MembershipRows(ground.database, ground.custody)
        self._identities = IdentityRows(ground.custody)
        self._bootstrap = BootstrapToken(
            ground.database,
            ground.custody,
            ground.audit,
            ground.policy,
            ground.identifiers,
            ground.randomness,
        )

    async def status(self) -> Sequence[Notice]:
        """Say that the bootstrap token is alive although nobody needs it any more."""
        if await self._is_there_another() and await self._bootstrap.is_alive():
            return (Notice("open", BOOTSTRAP_ALIVE),)
        return ()

    async def _is_there_another(self) -> bool:
        now = self._database.now()
        for membership in await self._rows.page(NO_ORGANIZATION, None, "", _LOOKED_AT):
            if membership.role != ADMINISTRATOR or not membership.is_held(now):
                continue
            if membership.principal_kind == CallerKind.IDENTITY.value:
                identity = await self._identities.find_anywhere(self._database, membership.principal)
                if identity is not None and identity.is_active():
                    return True
        return False
