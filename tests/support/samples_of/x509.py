"""Samples of the certificate authority."""

from datetime import timedelta

from ca_service.policy.names import Name, NameKind
from ca_service.x509.authorities import AuthorityStatus
from ca_service.x509.operations import (
    CertificateFilter,
    CreateAuthority,
    CreateProfile,
    IssueCertificate,
    KeyRequest,
    ListAuthorities,
    ListCertificates,
    ListProfiles,
    ProfileChanges,
    PublishRevocationList,
    ReadAuthority,
    ReadCertificate,
    ReadProfile,
    RenewCertificate,
    RevokeCertificate,
    UpdateAuthority,
    UpdateProfile,
)
from ca_service.x509.profiles import ProfileSettings, Purpose
from tests.support.sample import By, Knock, Sample
from tests.support.things import Things

_BASE = "/v1/projects/{project}/x509"
_NAME = "host.example.test"


def _settings(things: Things) -> ProfileSettings:
    return ProfileSettings(authority=things.authority, purposes=(Purpose.SERVER,), name_kinds=(NameKind.DNS,))


def _settings_body(things: Things) -> dict[str, object]:
    return {
        "name": "another",
        "authority": things.authority,
        "purposes": ["serverAuth"],
        "name_kinds": ["dns"],
    }


CERTIFICATES = (
    Sample(
        name="issue-certificate",
        ask=lambda t: IssueCertificate(
            project=t.project, profile=t.profile, request=KeyRequest(names=(Name(NameKind.DNS, _NAME),))
        ),
        knock=Knock("POST", f"{_BASE}/certificates", lambda t: {"profile": t.profile, "dns_names": [_NAME]}),
    ),
    Sample(
        name="issue-certificate-from-authority",
        ask=lambda t: IssueCertificate(
            project=t.project,
            profile=t.profile,
            authority=t.authority,
            request=KeyRequest(names=(Name(NameKind.DNS, _NAME),)),
        ),
        knock=Knock(
            "POST",
            f"{_BASE}/certificates",
            lambda t: {"profile": t.profile, "authority": t.authority, "dns_names": [_NAME]},
        ),
    ),
    Sample(
        name="list-certificates",
        ask=lambda t: ListCertificates(project=t.project),
        knock=Knock("GET", f"{_BASE}/certificates"),
    ),
    Sample(
        name="list-certificates-of-authority",
        ask=lambda t: ListCertificates(
            project=t.project, filter=CertificateFilter(authority=t.authority, profile=t.profile)
        ),
        knock=Knock("GET", f"{_BASE}/certificates?authority={{authority}}&profile={{profile}}"),
    ),
    Sample(
        name="list-certificates-by-serial-number",
        ask=lambda t: ListCertificates(
            project=t.project, filter=CertificateFilter(serial_number=t.serial_number)
        ),
        knock=Knock("GET", f"{_BASE}/certificates?serial_number={{serial_number}}"),
    ),
    Sample(
        name="read-certificate",
        ask=lambda t: ReadCertificate(project=t.project, certificate=t.certificate),
        knock=Knock("GET", f"{_BASE}/certificates/{{certificate}}"),
    ),
    Sample(
        name="revoke-certificate",
        ask=lambda t: RevokeCertificate(project=t.project, certificate=t.certificate),
        knock=Knock("POST", f"{_BASE}/certificates/{{certificate}}/revoke", lambda t: {}),
    ),
    Sample(
        name="renew-certificate",
        ask=lambda t: RenewCertificate(project=t.project, certificate=t.certificate),
        knock=Knock("POST", f"{_BASE}/certificates/{{certificate}}/renew", lambda t: {}),
    ),
)
AUTHORITIES = (
    Sample(
        name="list-authorities",
        ask=lambda t: ListAuthorities(project=t.project),
        knock=Knock("GET", f"{_BASE}/authorities"),
    ),
    Sample(
        name="create-authority",
        ask=lambda t: CreateAuthority(project=t.project, name="another"),
        knock=Knock("POST", f"{_BASE}/authorities", lambda t: {"name": "another"}),
    ),
    Sample(
        name="create-authority-below",
        ask=lambda t: CreateAuthority(project=t.project, name="another", parent=t.root_authority),
        knock=Knock(
            "POST", f"{_BASE}/authorities", lambda t: {"name": "another", "parent": t.root_authority}
        ),
    ),
    Sample(
        name="read-authority",
        ask=lambda t: ReadAuthority(project=t.project, name=t.authority),
        knock=Knock("GET", f"{_BASE}/authorities/{{authority}}"),
    ),
    Sample(
        name="update-authority",
        ask=lambda t: UpdateAuthority(project=t.project, name=t.authority, status=AuthorityStatus.DISABLED),
        knock=Knock("PATCH", f"{_BASE}/authorities/{{authority}}", lambda t: {"status": "disabled"}),
    ),
    Sample(
        name="publish-revocation-list",
        ask=lambda t: PublishRevocationList(project=t.project, authority_id=t.authority_id),
        by=By.PUBLISHER,
    ),
)
PROFILES = (
    Sample(
        name="list-profiles",
        ask=lambda t: ListProfiles(project=t.project),
        knock=Knock("GET", f"{_BASE}/profiles"),
    ),
    Sample(
        name="create-profile",
        ask=lambda t: CreateProfile(project=t.project, name="another", settings=_settings(t)),
        knock=Knock("POST", f"{_BASE}/profiles", _settings_body),
    ),
    Sample(
        name="read-profile",
        ask=lambda t: ReadProfile(project=t.project, name=t.profile),
        knock=Knock("GET", f"{_BASE}/profiles/{{profile}}"),
    ),
    Sample(
        name="update-profile",
        ask=lambda t: UpdateProfile(
            project=t.project, name=t.profile, changes=ProfileChanges(default_ttl=timedelta(days=1))
        ),
        knock=Knock("PATCH", f"{_BASE}/profiles/{{profile}}", lambda t: {"default_ttl": "1d"}),
    ),
    Sample(
        name="update-profile-authority",
        ask=lambda t: UpdateProfile(
            project=t.project, name=t.profile, changes=ProfileChanges(authority=t.authority)
        ),
        knock=Knock("PATCH", f"{_BASE}/profiles/{{profile}}", lambda t: {"authority": t.authority}),
    ),
)
SAMPLES = (*CERTIFICATES, *AUTHORITIES, *PROFILES)
