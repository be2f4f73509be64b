"""What identity refuses: one text, whatever was wrong."""

from ca_service.kernel.errors import UnauthenticatedError


class TokenRefusedError(UnauthenticatedError):
    """The token opens nothing: unknown, ended, revoked, used up, or presented from elsewhere."""

    def __init__(self) -> None:
        super().__init__(
            "Present a valid access token as `Authorization: Bearer …`; log in again if yours has ended."
        )


class SponsorRefusedError(UnauthenticatedError):
    """The identity on whose behalf the caller acts is disabled or gone."""

    slug = "sponsor_refused"

    def __init__(self) -> None:
        super().__init__(
            "The identity on whose behalf you act is disabled or deleted; ask who administers it."
        )


class LoginRefusedError(UnauthenticatedError):
    """The login failed. `is_audited` tells the door that the trail has it; else the door counts it (S8)."""

    def __init__(self, *, is_audited: bool = False) -> None:
        super().__init__("This login was refused; check the credentials and from where they may be used.")
        self.is_audited = is_audited
