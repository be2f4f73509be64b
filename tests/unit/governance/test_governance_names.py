"""Slugs, and entities as people write them."""

import pytest

from ca_service.governance.cedar_names import parse_entity
from ca_service.governance.slugs import parse_slug
from ca_service.kernel.errors import MalformedError
from ca_service.policy.values import Entity


@pytest.mark.parametrize("slug", ["a", "0", "a-b", "a--b", "a" * 63])
def test_slugs_are_taken_as_they_are(slug: str) -> None:
    assert parse_slug(slug) == slug


@pytest.mark.parametrize(
    "slug", ["", "-", "-a", "a-", "A", "a_b", "a.b", "ä", "a" * 64, "a\n", " a", "prj_1"]
)
def test_other_texts_are_no_slugs(slug: str) -> None:
    with pytest.raises(MalformedError) as refused:
        parse_slug(slug, field="slug")
    assert refused.value.field == "slug"


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ('Identity::"idn_1"', Entity("Identity", "idn_1")),
        ('Acme::Account::"a b"', Entity("Acme::Account", "a b")),
        (r'System::"say \"hi\" \\"', Entity("System", 'say "hi" \\')),
        ("idn_1", Entity("Identity", "idn_1")),
        ("prj_1", Entity("Project", "prj_1")),
    ],
)
def test_entities_are_read_as_policies_write_them(text: str, entity: Entity) -> None:
    assert parse_entity(text, field="principal") == entity


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        'Identity::"a',
        'Identity:"a"',
        '::"a"',
        '1a::"a"',
        'Identity::"a" ',
        "tok_1",
        'I::"\\n"',
        'I::"\n"',
        'I::"\0"',
    ],
)
def test_what_is_no_entity_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_entity(text, field="principal")
