"""Profiles in full: whom they sign for, with which values, under which key id, over which keys."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.database.port import Database
from ca_service.gate.caller import RoleGrant
from ca_service.kernel.errors import KeywrightError
from ssh_ca.caller_facts import CallerField
from ssh_ca.certificate_reader import parse_certificate
from ssh_ca.certificates import CertificateContent, CertificateType
from ssh_ca.errors import DisabledError, ProfileRefusedError, PublicKeyRefusedError
from ssh_ca.operations import (
    CreateSshProfile,
    IssuedSshCertificate,
    ReadSshProfile,
    SshProfileChanges,
    UpdateSshProfile,
)
from ssh_ca.principal_rules import CallerPrincipal, ExactPrincipal, GlobPrincipal
from ssh_ca.profiles import ProfileSettings, ProfileStatus
from ssh_ca.value_rules import CallerValue, OneOf, Within
from tests.support.fakes.kernel import FakeClock
from tests.support.ssh_ground import SshGround, fido_key_line, key_line
from tests.support.x509_ground import MEMBER

HOUR = timedelta(hours=1)
STRICT = ProfileSettings(
    authority="ssh-user",
    default_ttl=HOUR,
    max_ttl=HOUR,
    principals=(
        ExactPrincipal("ops"),
        GlobPrincipal("web-*"),
        CallerPrincipal(CallerField.ROLES, prefix="role-"),
    ),
    critical_options=("force-command", "source-address"),
    default_critical_options={
        "source-address": CallerValue(CallerField.ADDRESS),
        "force-command": "/bin/backup",
    },
    value_rules={
        "source-address": Within(("192.0.2.0/24",)),
        "force-command": OneOf(("/bin/backup", "/bin/restore")),
        "login@github.com": CallerValue(CallerField.NAME),
    },
    extensions=("permit-pty",),
    allowed_extensions=("login@github.com", "permit-agent-forwarding"),
    default_extensions={"team@example.com": "blue"},
    minimum_rsa_bits=3072,
    key_id="{caller.kind}:{caller.name}",
    allows_key_id=False,
)
PERSON = msgspec.structs.replace(MEMBER, name="octocat", roles=(RoleGrant("member", "prj_1"),))


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> SshGround:
    """First start, and the profile `strict`."""
    made = runner.run(SshGround(database, clock).start())
    operation = CreateSshProfile(project="default", name="strict", type=CertificateType.USER, settings=STRICT)
    runner.run(made.perform(operation))
    return made


def read(issued: IssuedSshCertificate) -> CertificateContent:
    return parse_certificate(issued.certificate).content


async def ask(ground: SshGround, *principals: str, **fields: Any) -> IssuedSshCertificate:
    return await ground.issue(*principals, caller=PERSON, profile="strict", **fields)


async def test_left_out_everything_is_the_profiles(ground: SshGround) -> None:
    content = read(await ask(ground))
    assert (content.principals, content.key_id) == (("ops", "role-member"), "Identity:octocat")
    assert content.critical_options == {"source-address": "192.0.2.7/32", "force-command": "/bin/backup"}
    assert content.extensions == {"permit-pty": "", "team@example.com": "blue"}


async def test_what_the_rules_allow_may_be_asked_for(ground: SshGround) -> None:
    content = read(
        await ask(
            ground,
            "web-7",
            critical_options={"force-command": "/bin/restore", "source-address": "192.0.2.128/25"},
            extensions={"login@github.com": "octocat"},
        )
    )
    assert content.principals == ("web-7",)
    assert content.critical_options == {"force-command": "/bin/restore", "source-address": "192.0.2.128/25"}
    assert content.extensions == {"login@github.com": "octocat"}


@pytest.mark.parametrize(
    ("principals", "fields", "field", "rule"),
    [
        (["root"], {}, "principals[0]", "profile-principal"),
        (["ops", "role-admin"], {}, "principals[1]", "profile-principal"),
        ([], {"critical_options": {"source-address": "0.0.0.0/0"}}, None, "option-value-rule"),
        ([], {"critical_options": {"force-command": "/bin/sh"}}, None, "option-value-rule"),
        ([], {"extensions": {"login@github.com": "hubot"}}, None, "option-value-rule"),
        ([], {"extensions": {"permit-X11-forwarding": ""}}, "extensions", "option-not-allowed"),
        ([], {"key_id": "alice"}, "key_id", "profile-key-id"),
        ([], {"key_algorithm": KeyAlgorithm.ED25519}, "key_algorithm", "key-or-algorithm"),
    ],
    ids=["principal", "another's role", "network", "command", "login", "extension", "key id", "both keys"],
)
async def test_what_the_rules_do_not_allow_is_refused(
    ground: SshGround, principals: list[str], fields: dict[str, Any], field: str | None, rule: str
) -> None:
    with pytest.raises(KeywrightError) as caught:
        await ask(ground, *principals, **fields)
    assert caught.value.rule == rule
    assert field is None or caught.value.field == field


async def test_a_short_rsa_key_is_refused_and_a_longer_one_is_not(ground: SshGround) -> None:
    short, long = (key_line(rsa.generate_private_key(65537, bits)) for bits in (2048, 3072))
    with pytest.raises(PublicKeyRefusedError) as caught:
        await ask(ground, public_key=short)
    assert caught.value.rule == "profile-key-size"
    assert read(await ask(ground, public_key=long)).subject_key.rsa_bits == 3072


async def test_a_profile_that_names_nobody_by_itself_gives_no_empty_list(ground: SshGround) -> None:
    changes = SshProfileChanges(principals=(GlobPrincipal("web-*"),))
    await ground.perform(UpdateSshProfile(project="default", name="strict", changes=changes))
    with pytest.raises(KeywrightError) as caught:
        await ask(ground)
    assert caught.value.rule == "profile-principals-none"


@pytest.mark.parametrize(
    "algorithm",
    [
        KeyAlgorithm.ED25519,
        KeyAlgorithm.EC_P256,
        KeyAlgorithm.EC_P384,
        KeyAlgorithm.EC_P521,
        KeyAlgorithm.RSA_2048,
    ],
)
async def test_a_pair_made_here_is_one(ground: SshGround, algorithm: KeyAlgorithm) -> None:
    issued = await ground.issue("ops", public_key=None, key_algorithm=algorithm)
    assert issued.private_key is not None
    key = load_ssh_private_key(issued.private_key.reveal().encode(), None)
    assert issued.public_key == key_line(key)
    assert read(issued).subject_key.line == issued.public_key


async def test_a_pair_is_replayed_with_its_key_and_kept_nowhere_else(ground: SshGround) -> None:
    fields: dict[str, Any] = {"public_key": None, "key_algorithm": KeyAlgorithm.ED25519, "key": "once"}
    first = await ground.issue("ops", **fields)
    again = await ground.issue("ops", **fields)
    assert first.private_key is not None
    assert again.private_key is not None
    assert (again.serial_number, again.private_key.reveal()) == (
        first.serial_number,
        first.private_key.reveal(),
    )


@pytest.mark.parametrize("fields", [{"public_key": None}, {"public_key": None, "key_algorithm": "ML_DSA_44"}])
async def test_without_a_key_there_is_no_certificate(ground: SshGround, fields: dict[str, Any]) -> None:
    with pytest.raises(PublicKeyRefusedError):
        await ground.issue("ops", **fields)


async def test_a_changed_profile_signs_otherwise_at_once(ground: SshGround) -> None:
    await ground.issue("ops")
    changes = SshProfileChanges(default_ttl=timedelta(minutes=5), principals=(ExactPrincipal("dba"),))
    changed = await ground.perform(UpdateSshProfile(project="default", name="user", changes=changes))
    issued = await ground.issue(profile="user")
    assert (issued.principals, issued.valid_before - issued.valid_after) == (("dba",), timedelta(minutes=6))
    assert await ground.perform(ReadSshProfile(project="default", name="user")) == changed


async def test_a_disabled_profile_signs_nothing_until_it_is_enabled(ground: SshGround) -> None:
    for status in (ProfileStatus.DISABLED, ProfileStatus.ACTIVE):
        changes = SshProfileChanges(status=status)
        await ground.perform(UpdateSshProfile(project="default", name="user", changes=changes))
        if status is ProfileStatus.DISABLED:
            with pytest.raises(DisabledError):
                await ground.issue("ops")
    assert (await ground.issue("ops")).serial_number


async def test_options_and_flags_of_ones_own_may_be_certified(ground: SshGround) -> None:
    changes = SshProfileChanges(
        critical_options=("site@example.com",), allowed_extensions=("audited@example.com",)
    )
    await ground.perform(UpdateSshProfile(project="default", name="user", changes=changes))
    asked: dict[str, Any] = {
        "critical_options": {"site@example.com": "lab 7"},
        "extensions": {"audited@example.com": ""},
    }
    content = read(await ground.issue("ops", **asked))
    assert (content.critical_options, content.extensions) == (asked["critical_options"], asked["extensions"])


async def test_a_pin_may_be_demanded_of_fido_keys(ground: SshGround) -> None:
    changes = SshProfileChanges(
        key_types=("sk-ssh-ed25519@openssh.com",), default_critical_options={"verify-required": ""}
    )
    await ground.perform(UpdateSshProfile(project="default", name="user", changes=changes))
    content = read(await ground.issue("ops", public_key=fido_key_line()))
    assert content.critical_options == {"verify-required": ""}


BAD: dict[str, tuple[str, dict[str, Any]]] = {
    "no principals": ("principals", {"principals": ()}),
    "a bad pattern": ("principals[0]", {"principals": (GlobPrincipal("x"),)}),
    "a bad form": ("key_id", {"key_id": "x"}),
    "tiny keys": ("minimum_rsa_bits", {"minimum_rsa_bits": 1024}),
    "an unknown option by default": ("critical_options", {"default_critical_options": {"x": "y"}}),
    "a PIN of any key": ("key_types", {"default_critical_options": {"verify-required": ""}}),
    "a flag with a value": (
        "default_critical_options.verify-required",
        {"key_types": ("sk-ssh-ed25519@openssh.com",), "default_critical_options": {"verify-required": "x"}},
    ),
    "OpenSSH's by value": ("default_extensions", {"default_extensions": {"permit-pty": ""}}),
    "a rule about nothing": ("value_rules.force-command", {"value_rules": {"force-command": OneOf(("x",))}}),
}


@pytest.mark.parametrize(("field", "changes"), BAD.values(), ids=BAD.keys())
async def test_settings_from_which_nothing_sensible_comes_are_refused(
    runner: asyncio.Runner, sqlite_database: Database, clock: FakeClock, field: str, changes: dict[str, Any]
) -> None:
    ground = await SshGround(sqlite_database, clock).start()
    settings = ProfileSettings(authority="ssh-user", default_ttl=HOUR, max_ttl=HOUR, **changes)
    operation = CreateSshProfile(project="default", name="bad", type=CertificateType.USER, settings=settings)
    with pytest.raises(ProfileRefusedError) as caught:
        await ground.perform(operation)
    assert caught.value.field == field
