"""Samples of the ACME server."""

import json

from acme.identifiers import Identifier
from acme.operations import (
    ChangeAccountKey,
    CreateAccount,
    CreateAuthorization,
    CreateDirectory,
    CreateExternalKey,
    CreateOrder,
    DeactivateAccount,
    DeactivateAccountById,
    DeactivateAuthorization,
    DeleteDirectory,
    DirectoryChanges,
    DisableExternalKey,
    FinalizeOrder,
    ListAccounts,
    ListDirectories,
    ListExternalKeys,
    ListOrders,
    ReadAccount,
    ReadAuthorization,
    ReadChallenge,
    ReadDirectory,
    ReadExternalKey,
    ReadOrder,
    RespondToChallenge,
    RevokeIssued,
    UpdateAccount,
    UpdateDirectory,
    ValidateChallenge,
)
from ca_service.x509.operations import ReadCertificate
from tests.support.sample import By, Jws, Knock, Sample, b64
from tests.support.things import Things

_DIRECTORIES = "/v1/projects/{project}/acme/directories"


def _revocation(things: Things) -> RevokeIssued:
    return RevokeIssued(
        project=things.project,
        directory=things.directory,
        certificate_der=things.acme_certificate_der,
    )


def _revocation_payload(things: Things) -> dict[str, object]:
    return {"certificate": b64(things.acme_certificate_der)}


ACCOUNTS = (
    Sample(
        name="create-account",
        ask=lambda t: CreateAccount(project=t.project, directory=t.directory, jwk=t.jwk),
        by=By.NEW_KEY,
        knock=Jws("/new-account", lambda t: {}, signed_by_key=True),
    ),
    Sample(
        name="read-account",
        ask=lambda t: ReadAccount(project=t.project),
        by=By.ACCOUNT,
        knock=Jws("/account/{account}"),
    ),
    Sample(
        name="update-account",
        ask=lambda t: UpdateAccount(project=t.project, contact=("mailto:a@example.test",)),
        by=By.ACCOUNT,
        knock=Jws("/account/{account}", lambda t: {"contact": ["mailto:a@example.test"]}),
    ),
    Sample(
        name="deactivate-account",
        ask=lambda t: DeactivateAccount(project=t.project),
        by=By.ACCOUNT,
        knock=Jws("/account/{account}", lambda t: {"status": "deactivated"}),
    ),
    Sample(
        name="change-account-key",
        ask=lambda t: ChangeAccountKey(project=t.project, jwk=t.jwk),
        by=By.ACCOUNT,
        knock=Jws("/key-change", lambda t: json.loads(t.key_change)),
    ),
    Sample(
        name="list-orders",
        ask=lambda t: ListOrders(project=t.project),
        by=By.ACCOUNT,
        knock=Jws("/account/{account}/orders"),
    ),
)
ORDERS = (
    Sample(
        name="create-order",
        ask=lambda t: CreateOrder(project=t.project, identifiers=(Identifier("dns", "new.example.test"),)),
        by=By.ACCOUNT,
        knock=Jws("/new-order", lambda t: {"identifiers": [{"type": "dns", "value": "new.example.test"}]}),
    ),
    Sample(
        name="create-authorization",
        ask=lambda t: CreateAuthorization(
            project=t.project, identifier=Identifier("dns", "early.example.test")
        ),
        by=By.ACCOUNT,
        knock=Jws("/new-authz", lambda t: {"identifier": {"type": "dns", "value": "early.example.test"}}),
    ),
    Sample(
        name="read-order",
        ask=lambda t: ReadOrder(project=t.project, order=t.order),
        by=By.ACCOUNT,
        knock=Jws("/order/{order}"),
    ),
    Sample(
        name="finalize-order",
        ask=lambda t: FinalizeOrder(project=t.project, order=t.ready_order, csr_der=t.csr_der),
        by=By.ACCOUNT,
        knock=Jws("/order/{ready_order}/finalize", lambda t: {"csr": b64(t.csr_der)}),
    ),
    Sample(
        name="read-authorization",
        ask=lambda t: ReadAuthorization(project=t.project, authorization=t.authorization),
        by=By.ACCOUNT,
        knock=Jws("/authz/{authorization}"),
    ),
    Sample(
        name="deactivate-authorization",
        ask=lambda t: DeactivateAuthorization(project=t.project, authorization=t.authorization),
        by=By.ACCOUNT,
        knock=Jws("/authz/{authorization}", lambda t: {"status": "deactivated"}),
    ),
    Sample(
        name="read-challenge",
        ask=lambda t: ReadChallenge(project=t.project, challenge=t.challenge),
        by=By.ACCOUNT,
        knock=Jws("/challenge/{challenge}"),
    ),
    Sample(
        name="respond-to-challenge",
        ask=lambda t: RespondToChallenge(project=t.project, challenge=t.challenge),
        by=By.ACCOUNT,
        knock=Jws("/challenge/{challenge}", lambda t: {}),
    ),
    Sample(
        name="validate-challenge",
        ask=lambda t: ValidateChallenge(project=t.project, challenge=t.responded_challenge),
        by=By.VALIDATOR,
    ),
)
CERTIFICATES = (
    Sample(
        name="download-certificate",
        ask=lambda t: ReadCertificate(project=t.project, certificate=t.acme_certificate),
        by=By.ACCOUNT,
        knock=Jws("/certificate/{acme_certificate}"),
    ),
    Sample(
        name="revoke-issued-by-account",
        ask=_revocation,
        by=By.ACCOUNT,
        knock=Jws("/revoke-cert", _revocation_payload),
    ),
    Sample(name="revoke-issued-by-key", ask=_revocation, by=By.CERTIFICATE_KEY),
)
DIRECTORIES = (
    Sample(
        name="create-directory",
        ask=lambda t: CreateDirectory(project=t.project, slug="another", profile=t.profile),
        knock=Knock("POST", _DIRECTORIES, lambda t: {"name": "another", "profile": t.profile}),
    ),
    Sample(
        name="create-open-directory",
        ask=lambda t: CreateDirectory(
            project=t.project, slug="another", profile=t.profile, authority=t.authority, is_open=True
        ),
    ),
    Sample(
        name="list-directories",
        ask=lambda t: ListDirectories(project=t.project),
        knock=Knock("GET", _DIRECTORIES),
    ),
    Sample(
        name="read-directory",
        ask=lambda t: ReadDirectory(project=t.project, slug=t.directory_slug),
        knock=Knock("GET", f"{_DIRECTORIES}/{{directory_slug}}"),
    ),
    Sample(
        name="update-directory",
        ask=lambda t: UpdateDirectory(
            project=t.project,
            slug=t.directory_slug,
            changes=DirectoryChanges(authority=t.authority, website="https://pki.example.test/"),
        ),
        knock=Knock(
            "PATCH",
            f"{_DIRECTORIES}/{{directory_slug}}",
            lambda t: {"authority": t.authority, "website": "https://pki.example.test/"},
        ),
    ),
    Sample(
        name="delete-directory",
        ask=lambda t: DeleteDirectory(project=t.project, slug=t.directory_slug),
        knock=Knock("DELETE", f"{_DIRECTORIES}/{{directory_slug}}"),
    ),
)
_EXTERNAL_KEYS = f"{_DIRECTORIES}/{{directory_slug}}/external-account-keys"
_ACCOUNTS = f"{_DIRECTORIES}/{{directory_slug}}/accounts"
OPERATORS = (
    Sample(
        name="create-external-key",
        ask=lambda t: CreateExternalKey(
            project=t.project, directory=t.directory_slug, name="clients", identity=t.identity
        ),
        knock=Knock("POST", _EXTERNAL_KEYS, lambda t: {"identity": t.identity, "name": "clients"}),
    ),
    Sample(
        name="list-external-keys",
        ask=lambda t: ListExternalKeys(project=t.project, directory=t.directory_slug),
        knock=Knock("GET", _EXTERNAL_KEYS),
    ),
    Sample(
        name="read-external-key",
        ask=lambda t: ReadExternalKey(project=t.project, directory=t.directory_slug, key=t.external_key),
        knock=Knock("GET", f"{_EXTERNAL_KEYS}/{{external_key}}"),
    ),
    Sample(
        name="disable-external-key",
        ask=lambda t: DisableExternalKey(project=t.project, directory=t.directory_slug, key=t.external_key),
        knock=Knock("POST", f"{_EXTERNAL_KEYS}/{{external_key}}/disable"),
    ),
    Sample(
        name="list-accounts",
        ask=lambda t: ListAccounts(project=t.project, directory=t.directory_slug),
        knock=Knock("GET", _ACCOUNTS),
    ),
    Sample(
        name="deactivate-account-by-id",
        ask=lambda t: DeactivateAccountById(project=t.project, directory=t.directory_slug, account=t.account),
        knock=Knock("POST", f"{_ACCOUNTS}/{{account}}/deactivate"),
    ),
)
SAMPLES = (*ACCOUNTS, *ORDERS, *CERTIFICATES, *DIRECTORIES, *OPERATORS)
