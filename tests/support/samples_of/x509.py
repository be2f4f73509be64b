"""Samples of the certificate authority."""

from datetime import timedelta

from ca_service.policy.names import Name, NameKind
from ca_service.x509.authorities import AuthorityStatus
from ca_service.x509.issuers import pem_of
from ca_service.x509.operations import (
    BlockKey,
    CertificateFilter,
    ConfigurePublishing,
    CreateAuthority,
    CreateProfile,
    CrossSignAuthority,
    ImportAuthorityCertificate,
    IssueCertificate,
    KeyRequest,
    ListAuthorities,
    ListBlockedKeys,
    ListCertificates,
    ListProfiles,
    ListProfileVersions,
    ProfileChanges,
    PublishRevocationList,
    ReadAuthority,
    ReadBlockedKey,
    ReadCertificate,
    ReadProfile,
    ReadProfileVersion,
    ReadPublishing,
    RenewAuthority,
    RenewCertificate,
    RequestAuthorityCertificate,
    ReserveAccountKey,
    RevokeCertificate,
    RollOverAuthority,
    RotateResponder,
    SignAuthority,
    SwitchAuthority,
    UnblockKey,
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
_ONE = f"{_BASE}/authorities/{{authority}}"
_ROOT = f"{_BASE}/authorities/{{root_authority}}"
_CERTIFIED_AUTHORITIES = (
    Sample(
        name="create-external-authority",
        ask=lambda t: CreateAuthority(project=t.project, name="another", has_external_parent=True),
        knock=Knock("POST", f"{_BASE}/authorities", lambda t: {"name": "another", "external": True}),
    ),
    Sample(
        name="request-authority-certificate",
        ask=lambda t: RequestAuthorityCertificate(project=t.project, name=t.authority),
        knock=Knock("POST", f"{_ONE}/csr", lambda t: {}),
    ),
    Sample(
        name="import-authority-certificate",
        ask=lambda t: ImportAuthorityCertificate(
            project=t.project, name=t.outer_authority, certificate_der=t.outer_certificate_der
        ),
        knock=Knock(
            "POST",
            f"{_BASE}/authorities/{{outer_authority}}/import",
            lambda t: {"certificate": pem_of(t.outer_certificate_der)},
        ),
    ),
    Sample(
        name="sign-authority",
        ask=lambda t: SignAuthority(
            project=t.project, name=t.root_authority, csr_der=t.csr_der, common_name="Elsewhere"
        ),
        knock=Knock(
            "POST",
            f"{_ROOT}/sign",
            lambda t: {"csr": pem_of(t.csr_der, "CERTIFICATE REQUEST"), "common_name": "Elsewhere"},
        ),
    ),
    Sample(
        name="renew-authority",
        ask=lambda t: RenewAuthority(project=t.project, name=t.authority),
        knock=Knock("POST", f"{_ONE}/renew", lambda t: {}),
    ),
    Sample(
        name="renew-authority-with-new-key",
        ask=lambda t: RollOverAuthority(project=t.project, name=t.authority, at_once=True),
        knock=Knock("POST", f"{_ONE}/renew", lambda t: {"new_key": True}),
    ),
    Sample(
        name="cross-sign-authority",
        ask=lambda t: CrossSignAuthority(project=t.project, name=t.authority, issuer=t.root_authority),
        knock=Knock("POST", f"{_ONE}/cross-sign", lambda t: {"issuer": t.root_authority}),
    ),
    Sample(
        name="roll-over-authority",
        ask=lambda t: RollOverAuthority(project=t.project, name=t.authority),
        knock=Knock("POST", f"{_ONE}/rollover", lambda t: {}),
    ),
    Sample(
        name="switch-authority",
        ask=lambda t: SwitchAuthority(project=t.project, name=t.root_authority),
        knock=Knock("POST", f"{_ROOT}/switch", lambda t: {}),
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
    *_CERTIFIED_AUTHORITIES,
    Sample(
        name="publish-revocation-list",
        ask=lambda t: PublishRevocationList(project=t.project, authority_id=t.authority_id),
        by=By.PUBLISHER,
    ),
    Sample(
        name="read-publishing",
        ask=lambda t: ReadPublishing(project=t.project, name=t.authority),
        knock=Knock("GET", f"{_ONE}/publishing"),
    ),
    Sample(
        name="configure-publishing",
        ask=lambda t: ConfigurePublishing(project=t.project, name=t.authority, crl_shards=2),
        knock=Knock("PATCH", f"{_ONE}/publishing", lambda t: {"crl_shards": 2}),
    ),
    Sample(
        name="rotate-responder",
        ask=lambda t: RotateResponder(project=t.project, authority_id=t.authority_id, former=0),
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
        name="list-profile-versions",
        ask=lambda t: ListProfileVersions(project=t.project, name=t.profile),
        knock=Knock("GET", f"{_BASE}/profiles/{{profile}}/versions"),
    ),
    Sample(
        name="read-profile-version",
        ask=lambda t: ReadProfileVersion(project=t.project, name=t.profile, version=t.profile_version),
        knock=Knock("GET", f"{_BASE}/profiles/{{profile}}/versions/{{profile_version}}"),
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
_SOME_KEY = bytes(range(32))
_SOME_PUBLIC_KEY = bytes.fromhex("302a300506032b6570032100") + bytes(range(32))
BLOCKED_KEYS = (
    Sample(
        name="block-key",
        ask=lambda t: BlockKey(project=t.project, key_hash=_SOME_KEY),
        knock=Knock("POST", f"{_BASE}/blocked-keys", lambda t: {"key_hash": _SOME_KEY.hex()}),
    ),
    Sample(
        name="list-blocked-keys",
        ask=lambda t: ListBlockedKeys(project=t.project),
        knock=Knock("GET", f"{_BASE}/blocked-keys"),
    ),
    Sample(
        name="read-blocked-key",
        ask=lambda t: ReadBlockedKey(project=t.project, id=t.blocked_key),
        knock=Knock("GET", f"{_BASE}/blocked-keys/{{blocked_key}}"),
    ),
    Sample(
        name="unblock-key",
        ask=lambda t: UnblockKey(project=t.project, id=t.blocked_key),
        knock=Knock("DELETE", f"{_BASE}/blocked-keys/{{blocked_key}}"),
    ),
    Sample(
        name="reserve-account-key",
        ask=lambda t: ReserveAccountKey(project=t.project, public_key_der=_SOME_PUBLIC_KEY),
        by=By.ACCOUNT,
    ),
)
SAMPLES = (*CERTIFICATES, *AUTHORITIES, *PROFILES, *BLOCKED_KEYS)
