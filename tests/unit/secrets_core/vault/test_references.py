"""How references are told from text, and what they name."""

import time

import pytest

from ca_service.kernel.errors import UnacceptableError
from secrets_core.paths import ROOT, FolderPath
from secrets_core.vault.references import (
    MOST_NESTED,
    Place,
    Reference,
    Target,
    Template,
    parse_target,
    parse_template,
)

HERE = Place("dev", FolderPath("/app"))


def reference(text: str, *parts: str | Reference) -> Reference:
    return Reference(parts or (text[2:-1],), text)


READINGS: dict[str, Template] = {
    "": (),
    "plain": ("plain",),
    "${KEY}": (reference("${KEY}"),),
    "a${KEY}b${dev.app.KEY}": ("a", reference("${KEY}"), "b", reference("${dev.app.KEY}")),
    "${dev.${WHICH}.KEY}": (reference("${dev.${WHICH}.KEY}", "dev.", reference("${WHICH}"), ".KEY"),),
    "${${A}${B}}": (reference("${${A}${B}}", reference("${A}"), reference("${B}")),),
    # Escapes, and a dollar before one.
    "$${KEY}": ("${KEY}",),
    "$$${KEY}": ("$${KEY}",),
    "$${${KEY}}": ("${", reference("${KEY}"), "}"),
    "costs $5 {or} $$": ("costs $5 {or} $$",),
    # What has not the shape of a reference is text, whatever stands around it.
    "${}": ("${}",),
    "${KEY": ("${KEY",),
    "${KEY:-none}": ("${KEY:-none}",),
    "${A b}${C}": ("${A b}", reference("${C}")),
    "${A:-${B}}": ("${A:-", reference("${B}"), "}"),
    "${x${B} }": ("${x", reference("${B}"), " }"),
    "${x$${B}}": ("${x${B}}",),
    "${ä}": ("${ä}",),
    "${": ("${",),
    "}${": ("}${",),
}


def test_values_are_read_as_text_and_references() -> None:
    assert {value: parse_template(value) for value in READINGS} == READINGS


def test_more_references_inside_one_another_than_ten_are_refused() -> None:
    within = "${" * MOST_NESTED + "A" + "}" * MOST_NESTED
    assert isinstance(parse_template(within)[0], Reference)
    with pytest.raises(UnacceptableError) as refused:
        parse_template("${" + within + "}")
    assert (refused.value.field, refused.value.rule) == ("value", "reference-nesting")


def test_a_long_value_of_anything_is_read_in_linear_time() -> None:
    size = 200_000
    began = time.process_time()
    for unit in ("${a", "${${a}", "$", "$$$${", "${a}", "${a ", "}", "${a${b}${c}:"):
        value = (unit * size)[:size]
        try:
            template = parse_template(value)
        except UnacceptableError:
            continue
        assert template
    assert time.process_time() - began < 10  # seconds; a quadratic reading takes many minutes


TARGETS: dict[str, Target | None] = {
    "KEY": Target(HERE, "KEY"),
    "prod.KEY": Target(Place("prod", ROOT), "KEY"),
    "prod.app.db.KEY": Target(Place("prod", FolderPath("/app/db")), "KEY"),
    "prod.A_b-1.key-2": Target(Place("prod", FolderPath("/A_b-1")), "key-2"),
    "": None,
    ".": None,
    ".KEY": None,
    "prod.": None,
    "prod..KEY": None,
    "prod.app..KEY": None,
    "Prod.KEY": None,
    "@other.prod.KEY": None,
    "1KEY": None,
    "prod.a/b.KEY": None,
    "prod.app.K EY": None,
    "prod\n.KEY": None,
    "K" * 256: None,
    "prod." + "a." * 21 + "KEY": None,
    "prod." + "a" * 3000 + ".KEY": None,
}


def test_names_inside_references_say_environment_folder_and_key() -> None:
    assert {name: parse_target(name, HERE) for name in TARGETS} == TARGETS
