"""Accounts as the operator of a directory sees them: `…/acme/directories/{name}/accounts`."""

from datetime import datetime

from litestar import Response, get, post
from litestar.params import FromPath
from msgspec import Struct

from acme.accounts import Account
from acme.operations import DeactivateAccountById, ListAccounts
from ca_service.web.door import AnyRequest, Page, answer, page, parse_page, perform

_BASE = "/v1/projects/{project:str}/acme/directories/{name:str}/accounts"


class AccountBody(Struct, frozen=True):
    """An account. `thumbprint` is that of its key (RFC 7638)."""

    id: str
    status: str
    contact: tuple[str, ...]
    thumbprint: str
    external_key: str | None
    identity: str | None
    terms_agreed: str | None
    created_at: datetime
    deactivated_at: datetime | None


@get(_BASE)
async def list_accounts(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[Page[AccountBody]]:
    """List the accounts of an ACME directory."""
    limit, after = parse_page(request)
    operation = ListAccounts(project=project, directory=name, limit=limit, after=after)
    outcome = await perform(request, operation)
    found = outcome.answer
    return answer(outcome, page([_body(each) for each in found.items], found.next_key))


@post(f"{_BASE}/{{account:str}}/deactivate", status_code=200)
async def deactivate_account(
    request: AnyRequest, project: FromPath[str], name: FromPath[str], account: FromPath[str]
) -> Response[AccountBody]:
    """Deactivate an ACME account for good, with its open orders and authorizations."""
    operation = DeactivateAccountById(project=project, directory=name, account=account)
    outcome = await perform(request, operation)
    return answer(outcome, _body(outcome.answer))


ACCOUNT_ROUTES = (list_accounts, deactivate_account)


def _body(account: Account) -> AccountBody:
    external = account.external
    return AccountBody(
        id=account.id,
        status=account.status.value,
        contact=account.contact,
        thumbprint=account.thumbprint,
        external_key=None if external is None else external.key,
        identity=None if external is None else external.identity,
        terms_agreed=account.terms_agreed,
        created_at=account.created_at,
        deactivated_at=account.deactivated_at,
    )
