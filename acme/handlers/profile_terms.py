"""Whether a directory could issue: its profiles exist, are in use, and issue from its authority."""

from acme.directories import Directory
from ca_service.custody.custody import Custody
from ca_service.database.port import Database
from ca_service.identity.row_macs import RowMac
from ca_service.x509.errors import ProfileRefusedError
from ca_service.x509.profiles import Profile, ProfileStatus
from ca_service.x509.storage.profiles import TABLE, find_profile


class ProfileTerms:
    """Looks at the profiles of a project as they are now."""

    def __init__(self, database: Database, custody: Custody) -> None:
        self._database = database
        self._mac = RowMac(custody, TABLE)

    async def verify(self, directory: Directory) -> None:
        """Refuse a directory from which nothing could be issued. Raises ProfileRefusedError."""
        for index, name in enumerate(directory.profiles):
            field = "profile" if index == 0 else f"further_profiles[{index - 1}]"
            profile = await find_profile(self._database, self._mac, directory.tenant, name)
            _verify_usable(profile, field)
            assert profile is not None, "what is usable is there"
            _verify_authority(profile, directory.authority)


def _verify_usable(profile: Profile | None, field: str) -> None:
    if profile is None:
        raise ProfileRefusedError(
            "There is no such profile in this project; list them with GET …/x509/profiles.",
            field=field,
            rule="profile-unknown",
        )
    if profile.status is not ProfileStatus.ACTIVE:
        raise ProfileRefusedError(
            f"The profile {profile.name} is disabled; choose another or have it enabled.",
            field=field,
            rule="profile-disabled",
        )


def _verify_authority(profile: Profile, authority: str | None) -> None:
    settings = profile.settings
    if authority is not None and authority not in {settings.authority, *settings.authorities}:
        raise ProfileRefusedError(
            f"The profile {profile.name} does not issue from that authority; leave it out, or choose one "
            "that all profiles of the directory allow.",
            field="authority",
            rule="profile-authority",
        )
