"""What may stand in a secret, and which wishes can be done to what was found."""

import datetime as dt

import pytest

from ca_service.governance.places import Environment
from ca_service.kernel.errors import KeywrightError, MalformedError, NotFoundError, TooLargeError
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from secrets_core.paths import ROOT
from secrets_core.vault.commits import ChangeAction
from secrets_core.vault.errors import (
    NotDeletedError,
    VersionDestroyedError,
    VersionInUseError,
    VersionMismatchError,
)
from secrets_core.vault.folders import parse_folder_name
from secrets_core.vault.places import SecretPlace
from secrets_core.vault.secrets import (
    LARGEST_VALUE,
    Secret,
    parse_metadata,
    parse_name,
    parse_tags,
    parse_value,
    parse_version,
)
from secrets_core.vault.wishes import Wish, verify_possible

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
ORGANIZATION, PROJECT = OrganizationId("org_1"), ProjectId("prj_1")
DEV = Environment(
    id="env_1",
    organization=ORGANIZATION,
    project=PROJECT,
    slug="dev",
    name="dev",
    created_at=NOW,
    created_by="test",
)
PLACE = SecretPlace(DEV, ROOT, "KEY")


def secret(version: int = 2, *, is_deleted: bool = False) -> Secret:
    return Secret(
        tenant=Tenant(ORGANIZATION, PROJECT),
        id="sec_1",
        folder="fld_1",
        name="KEY",
        version=version,
        tags=(),
        created_at=NOW,
        updated_at=NOW,
        deleted_at=NOW if is_deleted else None,
    )


@pytest.mark.parametrize("name", ["A", "_", "a.b-c_D9", "A" * 255])
def test_names_that_are_taken(name: str) -> None:
    assert parse_name(name) == name


@pytest.mark.parametrize("name", ["", "1A", "-A", ".A", "A B", "A/B", "Ä", "A\n", "A" * 256, "A\0", "${A}"])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(MalformedError):
        parse_name(name)


@pytest.mark.parametrize("version", ["0", "-1", "01", "1.0", "", " 1", "٣", "9" * 19])
def test_versions_that_are_refused(version: str) -> None:
    with pytest.raises(MalformedError):
        parse_version(version)


def test_a_value_is_measured_in_bytes_of_utf8() -> None:
    assert parse_value("é" * (LARGEST_VALUE // 2)) is not None
    for value in ("é" * (LARGEST_VALUE // 2) + "x", "x" * (LARGEST_VALUE + 1)):
        with pytest.raises(TooLargeError) as refused:
            parse_value(value)
        assert refused.value.field == "value"


def test_tags_and_metadata_are_kept_in_order_and_bounded() -> None:
    assert parse_tags(("b", "a", "b")) == ("a", "b")
    assert list(parse_metadata({"b": "1", "a": "2"})) == ["a", "b"]
    for tags in (("A",), ("-a",), ("a" * 65,), ("",), tuple(f"t{i}" for i in range(65))):
        with pytest.raises(MalformedError):
            parse_tags(tags)
    for pairs in ({"": "x"}, {"k" * 257: "x"}, {"k": "v" * 4097}, {f"k{i}": "" for i in range(65)}):
        with pytest.raises(MalformedError):
            parse_metadata(pairs)


@pytest.mark.parametrize("name", ["", "a/b", "..", "a b", "a" * 65])
def test_names_of_folders_that_are_refused(name: str) -> None:
    with pytest.raises(MalformedError) as refused:
        parse_folder_name(name)
    assert refused.value.field == "new_name"


LIVE, DELETED = secret(), secret(is_deleted=True)
SET, DELETE, UNDELETE = ChangeAction.SET, ChangeAction.DELETE, ChangeAction.UNDELETE
DESTROY = Wish(action=ChangeAction.DESTROY, place=PLACE, versions=(2,))
TABLE: list[tuple[Wish, Secret | None, bool, type[KeywrightError] | None]] = [
    (Wish(action=SET, place=PLACE), None, False, None),
    (Wish(action=SET, place=PLACE), DELETED, True, None),
    (Wish(action=SET, place=PLACE, if_version=0), None, False, None),
    (Wish(action=SET, place=PLACE, if_version=0), DELETED, False, None),
    (Wish(action=SET, place=PLACE, if_version=0), LIVE, False, VersionMismatchError),
    (Wish(action=SET, place=PLACE, if_version=2), LIVE, False, None),
    (Wish(action=SET, place=PLACE, if_version=1), LIVE, False, VersionMismatchError),
    (Wish(action=SET, place=PLACE, if_version=2), DELETED, False, VersionMismatchError),
    (Wish(action=SET, place=PLACE, if_version=1), None, False, VersionMismatchError),
    (Wish(action=SET, place=PLACE, must_exist=True), None, False, NotFoundError),
    (Wish(action=SET, place=PLACE, must_exist=True), DELETED, False, NotFoundError),
    (Wish(action=DELETE, place=PLACE), None, False, NotFoundError),
    (Wish(action=DELETE, place=PLACE), DELETED, False, NotFoundError),
    (Wish(action=DELETE, place=PLACE, if_version=1), LIVE, False, VersionMismatchError),
    (Wish(action=DELETE, place=PLACE, if_version=2), LIVE, False, None),
    (Wish(action=UNDELETE, place=PLACE), None, False, NotFoundError),
    (Wish(action=UNDELETE, place=PLACE), LIVE, False, NotDeletedError),
    (Wish(action=UNDELETE, place=PLACE), DELETED, False, None),
    (Wish(action=UNDELETE, place=PLACE), DELETED, True, VersionDestroyedError),
    (Wish(action=UNDELETE, place=PLACE, if_version=1), DELETED, False, VersionMismatchError),
    (DESTROY, None, False, NotFoundError),
    (DESTROY, LIVE, False, VersionInUseError),
    (DESTROY, secret(3), False, None),
    (DESTROY, DELETED, False, None),
]


def test_what_can_be_wished_of_what_was_found() -> None:
    outcomes: list[type[KeywrightError] | None] = []
    for wish, found, is_destroyed, _ in TABLE:
        try:
            verify_possible(wish, found, is_destroyed=is_destroyed)
        except KeywrightError as error:
            outcomes.append(type(error))
        else:
            outcomes.append(None)
    assert outcomes == [expected for *_, expected in TABLE]
