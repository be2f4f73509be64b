"""Samples of the SSH authority."""

from datetime import timedelta

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.gate.principals import cedar_name
from ca_service.policy.values import Entity
from ssh_ca.certificates import CertificateType
from ssh_ca.operations import (
    ByAuthority,
    ByCertificate,
    ByIdentity,
    ByKeyId,
    ByPublicKey,
    BySerialNumber,
    CreateSshAuthority,
    CreateSshProfile,
    IssueSshCertificate,
    ListSshAuthorities,
    ListSshCertificates,
    ListSshProfiles,
    PublishKeyRevocationList,
    ReadSshAuthority,
    ReadSshCertificate,
    ReadSshProfile,
    RetireSshAuthority,
    RevokeSshCertificates,
    SshCertificateFilter,
    SshProfileChanges,
    SwitchSshAuthority,
    UpdateSshProfile,
)
from ssh_ca.profiles import ProfileSettings
from tests.support.sample import By, Knock, Sample
from tests.support.samples_of import ssh_hosts
from tests.support.ssh_ground import key_line

_BASE = "/v1/projects/{project}/ssh"
_REVOKE = f"{_BASE}/certificates/revoke"
_KEY = key_line()

CERTIFICATES = (
    Sample(
        name="issue-ssh-certificate",
        ask=lambda t: IssueSshCertificate(
            project=t.project, profile=t.ssh_profile, public_key=_KEY, principals=("alice",)
        ),
        knock=Knock(
            "POST",
            f"{_BASE}/certificates",
            lambda t: {"profile": t.ssh_profile, "public_key": _KEY, "principals": ["alice"]},
        ),
    ),
    Sample(
        name="issue-ssh-pair",
        ask=lambda t: IssueSshCertificate(
            project=t.project,
            profile=t.ssh_profile,
            key_algorithm=KeyAlgorithm.ED25519,
            principals=("alice",),
        ),
        knock=Knock(
            "POST",
            f"{_BASE}/certificates",
            lambda t: {"profile": t.ssh_profile, "key_algorithm": "ED25519", "principals": ["alice"]},
        ),
    ),
    Sample(
        name="list-ssh-certificates",
        ask=lambda t: ListSshCertificates(project=t.project),
        knock=Knock("GET", f"{_BASE}/certificates"),
    ),
    Sample(
        name="list-ssh-certificates-of-authority",
        ask=lambda t: ListSshCertificates(
            project=t.project, filter=SshCertificateFilter(authority=t.ssh_authority)
        ),
        knock=Knock("GET", f"{_BASE}/certificates?authority={{ssh_authority}}"),
    ),
    Sample(
        name="list-ssh-certificates-by-key-id",
        ask=lambda t: ListSshCertificates(
            project=t.project, filter=SshCertificateFilter(key_id=t.ssh_key_id)
        ),
        knock=Knock("GET", f"{_BASE}/certificates?key_id={{ssh_key_id}}"),
    ),
    Sample(
        name="read-ssh-certificate",
        ask=lambda t: ReadSshCertificate(project=t.project, certificate=t.ssh_certificate),
        knock=Knock("GET", f"{_BASE}/certificates/{{ssh_certificate}}"),
    ),
    Sample(
        name="revoke-ssh-certificate-by-serial-number",
        ask=lambda t: RevokeSshCertificates(
            project=t.project,
            selector=BySerialNumber(serial_number=t.ssh_serial_number, authority=t.ssh_authority),
        ),
        knock=Knock(
            "POST",
            _REVOKE,
            lambda t: {"serial_number": str(t.ssh_serial_number), "authority": t.ssh_authority},
        ),
    ),
    Sample(
        name="revoke-ssh-certificates-by-key-id",
        ask=lambda t: RevokeSshCertificates(project=t.project, selector=ByKeyId(key_id=t.ssh_key_id)),
        knock=Knock("POST", _REVOKE, lambda t: {"key_id": t.ssh_key_id}),
    ),
    Sample(
        name="revoke-ssh-certificates-by-public-key",
        ask=lambda t: RevokeSshCertificates(project=t.project, selector=ByPublicKey(public_key=_KEY)),
        knock=Knock("POST", _REVOKE, lambda t: {"public_key": _KEY}),
    ),
)
REVOCATIONS = (
    Sample(
        name="revoke-ssh-key-id-for-good",
        ask=lambda t: RevokeSshCertificates(
            project=t.project, selector=ByKeyId(key_id=t.ssh_key_id, for_good=True)
        ),
        knock=Knock("POST", _REVOKE, lambda t: {"key_id": t.ssh_key_id, "for_good": True}),
    ),
    Sample(
        name="revoke-ssh-certificates-by-identity",
        ask=lambda t: RevokeSshCertificates(
            project=t.project, selector=ByIdentity(identity=cedar_name(Entity("Identity", t.identity)))
        ),
        knock=Knock("POST", _REVOKE, lambda t: {"identity": t.identity}),
    ),
    Sample(
        name="revoke-ssh-certificate-that-was-sent",
        ask=lambda t: RevokeSshCertificates(
            project=t.project, selector=ByCertificate(certificate=t.ssh_certificate_line)
        ),
        knock=Knock("POST", _REVOKE, lambda t: {"certificate": t.ssh_certificate_line}),
    ),
    Sample(
        name="revoke-ssh-authority",
        ask=lambda t: RevokeSshCertificates(
            project=t.project, selector=ByAuthority(authority=t.ssh_authority)
        ),
        knock=Knock("POST", _REVOKE, lambda t: {"authority": t.ssh_authority, "everything": True}),
    ),
    Sample(
        name="publish-key-revocation-list",
        ask=lambda t: PublishKeyRevocationList(project=t.project),
        by=By.SSH_PUBLISHER,
    ),
)
AUTHORITIES = (
    Sample(
        name="list-ssh-authorities",
        ask=lambda t: ListSshAuthorities(project=t.project),
        knock=Knock("GET", f"{_BASE}/authorities"),
    ),
    Sample(
        name="create-ssh-authority",
        ask=lambda t: CreateSshAuthority(project=t.project, name="another", type=CertificateType.USER),
        knock=Knock("POST", f"{_BASE}/authorities", lambda t: {"name": "another", "type": "user"}),
    ),
    Sample(
        name="create-ssh-successor",
        ask=lambda t: CreateSshAuthority(
            project=t.project, name="another", type=CertificateType.USER, succeeds=t.ssh_authority
        ),
        knock=Knock(
            "POST",
            f"{_BASE}/authorities",
            lambda t: {"name": "another", "type": "user", "succeeds": t.ssh_authority},
        ),
    ),
    Sample(
        name="read-ssh-authority",
        ask=lambda t: ReadSshAuthority(project=t.project, name=t.ssh_authority),
        knock=Knock("GET", f"{_BASE}/authorities/{{ssh_authority}}"),
    ),
    Sample(
        name="switch-ssh-authority",
        ask=lambda t: SwitchSshAuthority(project=t.project, name=t.ssh_authority, to=t.ssh_successor),
        knock=Knock(
            "POST", f"{_BASE}/authorities/{{ssh_authority}}/switch", lambda t: {"to": t.ssh_successor}
        ),
    ),
    Sample(
        name="retire-ssh-authority",
        ask=lambda t: RetireSshAuthority(project=t.project, name=t.ssh_successor),
        knock=Knock("POST", f"{_BASE}/authorities/{{ssh_successor}}/retire", lambda _: {}),
    ),
    Sample(
        name="list-ssh-profiles",
        ask=lambda t: ListSshProfiles(project=t.project),
        knock=Knock("GET", f"{_BASE}/profiles"),
    ),
    Sample(
        name="read-ssh-profile",
        ask=lambda t: ReadSshProfile(project=t.project, name=t.ssh_profile),
        knock=Knock("GET", f"{_BASE}/profiles/{{ssh_profile}}"),
    ),
    Sample(
        name="update-ssh-profile",
        ask=lambda t: UpdateSshProfile(
            project=t.project, name=t.ssh_profile, changes=SshProfileChanges(default_ttl=timedelta(minutes=5))
        ),
        knock=Knock("PATCH", f"{_BASE}/profiles/{{ssh_profile}}", lambda _: {"default_ttl": "5m"}),
    ),
    Sample(
        name="create-ssh-profile",
        ask=lambda t: CreateSshProfile(
            project=t.project,
            name="another",
            type=CertificateType.USER,
            settings=ProfileSettings(
                authority=t.ssh_authority, default_ttl=timedelta(hours=1), max_ttl=timedelta(hours=2)
            ),
        ),
        knock=Knock(
            "POST",
            f"{_BASE}/profiles",
            lambda t: {
                "name": "another",
                "type": "user",
                "authority": t.ssh_authority,
                "default_ttl": "1h",
                "max_ttl": "2h",
            },
        ),
    ),
)
SAMPLES = (*ssh_hosts.SAMPLES, *CERTIFICATES, *REVOCATIONS, *AUTHORITIES)
