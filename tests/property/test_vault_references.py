"""Expanding references agrees with a slow, obvious model: no cache, no look ahead, all looked up anew."""

import re
from collections.abc import Collection, Coroutine, Mapping, Sequence
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from ca_service.kernel.errors import UnacceptableError
from secrets_core.paths import ROOT, FolderPath
from secrets_core.vault.references import Place
from secrets_core.vault.resolution import Readable, Resolver

PLACES = (
    Place("dev", ROOT),
    Place("dev", FolderPath("/a")),
    Place("dev", FolderPath("/a/b")),
    Place("prod", ROOT),
)
NAMES = ("K", "L", "a", "dev", "M")
T = TypeVar("T")
Secrets = Mapping[tuple[Place, str], str | None]
Imports = Mapping[Place, Sequence[Place]]


class RefusedError(Exception):
    """The model refuses, for the reason that `args` name."""


def model_find(secrets: Secrets, imports: Imports, place: Place, name: str, met: set[Place]) -> object:
    """Return (place, value) of what a folder shows under a name, or None."""
    met.add(place)
    if (place, name) in secrets:
        return place, secrets[place, name]
    for source in reversed(imports.get(place, ())):
        if source not in met:
            found = model_find(secrets, imports, source, name, met)
            if found is not None:
                return found
    return None


INNERMOST = re.compile(r"\$\{([A-Za-z0-9_.@-]+)\}")


def model_expand(secrets: Secrets, imports: Imports, place: Place, name: str, above: list[object]) -> str:
    """Return a secret's value by replacing the first innermost reference until none is left.

    What was put in, and an escaped `${`, is kept aside as one character, so that it is never read again.
    """
    value = secrets[place, name]
    assert value is not None
    aside: list[str] = []

    def keep(text: str) -> str:
        aside.append(text)
        return chr(0xE000 + len(aside) - 1)

    def bring_back(text: str) -> str:
        return "".join(aside[ord(char) - 0xE000] if char >= "\ue000" else char for char in text)

    # Inside a reference `$${` makes text of everything around it; outside it is an escape.
    value = value.replace("$${", keep("${"))
    here = [*above, (place, name)]
    while True:
        match = re.search(r"\$\{([A-Za-z0-9_.@\ue100-\uefff-]+)\}", value.translate(_marks(aside)))
        if match is None:
            return bring_back(value)
        start, end = match.span()
        inside = bring_back(value[start + 2 : end - 1])
        value = value[:start] + keep(_model_follow(secrets, imports, place, inside, here)) + value[end:]


def _marks(aside: list[str]) -> dict[int, str]:
    """Return which characters kept aside stand for references (and not for an escape)."""
    return {0xE000 + i: "\uf000" if i == 0 else chr(0xE100 + i) for i in range(len(aside))}


def _model_follow(secrets: Secrets, imports: Imports, place: Place, inside: str, here: list[object]) -> str:
    words = inside.split(".")
    if not all(re.fullmatch(r"[A-Za-z0-9_-]+", word) for word in words):
        raise RefusedError("reference")
    if len(words) > 1:
        place = Place(words[0], FolderPath("/" + "/".join(words[1:-1])))
    found = model_find(secrets, imports, place, words[-1], set())
    if not isinstance(found, tuple) or found[1] is None:
        raise RefusedError("reference")
    if (found[0], words[-1]) in here:
        raise RefusedError("reference-cycle")
    if len(here) > 10:
        raise RefusedError("reference-depth")
    return model_expand(secrets, imports, found[0], words[-1], here)


def run(coroutine: Coroutine[object, None, T]) -> T:
    """Return what a coroutine returns that never has to wait."""
    try:
        coroutine.send(None)
    except StopIteration as stopped:
        value: T = stopped.value
        return value
    raise AssertionError("the port answers at once")


class World:
    """The same secrets as a port."""

    def __init__(self, secrets: Secrets, imports: Imports) -> None:
        self.held = {key: Readable(key[0], key[1], value) for key, value in secrets.items()}
        self._imports = imports

    async def own(self, place: Place, names: Collection[str]) -> Mapping[str, Readable]:
        return {name: self.held[place, name] for name in names if (place, name) in self.held}

    async def imports(self, place: Place) -> Sequence[Place]:
        return self._imports.get(place, ())


references = st.recursive(
    st.sampled_from(["${K}", "${L}", "${M}", "${dev.K}", "${prod.L}", "${dev.a.M}", "${dev.a.b.K}", "${no}"]),
    lambda inner: st.builds(
        lambda a, b, c: "${" + a + b + c + "}",
        st.sampled_from(["", "dev.", "prod.", "dev.a."]),
        inner,
        st.sampled_from(["", ".K", ".b.L"]),
    ),
    max_leaves=3,
)
values = st.lists(
    references | st.sampled_from(["K", "a", "dev", "b", "$${", "}", "$", "${", "${K ", ".", "${a:-"]),
    max_size=4,
).map("".join)
worlds = st.tuples(
    st.dictionaries(
        st.tuples(st.sampled_from(PLACES), st.sampled_from(NAMES)),
        values | st.none(),
        min_size=1,
        max_size=14,
    ),
    st.dictionaries(st.sampled_from(PLACES), st.lists(st.sampled_from(PLACES), max_size=3), max_size=4),
)


@settings(max_examples=300)
@given(worlds)
def test_expansion_agrees_with_the_model(world: tuple[Secrets, Imports]) -> None:
    secrets, imports = world
    for (place, name), value in secrets.items():
        if value is None:
            continue
        try:
            expected = model_expand(secrets, imports, place, name, [])
        except RefusedError as refused:
            expected = f"refused: {refused}"
        ported = World(secrets, imports)
        try:
            actual = run(Resolver(ported).expand(ported.held[place, name]))
        except UnacceptableError as error:
            actual = f"refused: {error.rule}"
        assert actual == expected


@settings(max_examples=100)
@given(worlds)
def test_what_one_read_expanded_before_changes_no_value(world: tuple[Secrets, Imports]) -> None:
    secrets, imports = world
    ported = World(secrets, imports)
    shared = Resolver(ported)

    async def outcome(resolver: Resolver, held: Readable) -> str:
        try:
            return await resolver.expand(held)
        except UnacceptableError as error:
            return f"refused: {error.rule}"

    async def both() -> None:
        for held in ported.held.values():
            if held.value is not None:
                assert await outcome(shared, held) == await outcome(Resolver(ported), held)

    run(both())
