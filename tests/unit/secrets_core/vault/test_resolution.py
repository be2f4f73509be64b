"""The bounds of expanding references, and what a refusal says."""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

import pytest

from ca_service.kernel.errors import UnacceptableError
from secrets_core.paths import ROOT, FolderPath
from secrets_core.vault.references import Place
from secrets_core.vault.resolution import MOST_DEPTH, MOST_REFERENCES, MOST_SOURCES, Readable, Resolver

DEV = Place("dev", ROOT)
MIB = 1024 * 1024


class ListedFolders:
    """Folders in memory that count the questions put to them. A value of None may not be read."""

    def __init__(
        self,
        secrets: Mapping[tuple[Place, str], str | None],
        imports: Mapping[Place, Sequence[Place]] | None = None,
    ) -> None:
        self.secrets = {key: Readable(key[0], key[1], value) for key, value in secrets.items()}
        self.listed = imports or {}
        self.asked: list[tuple[Place, tuple[str, ...]]] = []

    async def own(self, place: Place, names: Collection[str]) -> Mapping[str, Readable]:
        self.asked.append((place, tuple(sorted(names))))
        return {name: self.secrets[place, name] for name in names if (place, name) in self.secrets}

    async def imports(self, place: Place) -> Sequence[Place]:
        return self.listed.get(place, ())


async def expanded(secrets: Mapping[str, str | None], name: str = "A") -> str:
    """Expand one of the secrets of a single folder."""
    folders = ListedFolders({(DEV, key): value for key, value in secrets.items()})
    return await Resolver(folders).expand(folders.secrets[DEV, name])


async def refusal(secrets: Mapping[str, str | None], name: str = "A") -> UnacceptableError:
    with pytest.raises(UnacceptableError) as refused:
        await expanded(secrets, name)
    assert refused.value.field == "value"
    return refused.value


def chain(length: int) -> Mapping[str, str | None]:
    """Return a secret `A` with this many references behind it, one after the other."""
    names = ["A", *(f"N{i}" for i in range(1, length + 1))]
    return {name: f"${{{behind}}}" for name, behind in pairwise(names)} | {names[-1]: "end"}


async def test_a_missing_secret_and_one_that_may_not_be_read_are_refused_alike() -> None:
    missing = await refusal({"A": "x${B}"})
    unreadable = await refusal({"A": "x${B}", "B": None})
    assert (missing.detail, missing.rule) == (unreadable.detail, unreadable.rule)
    assert missing.rule == "reference"
    assert "${B}" in missing.detail
    assert "dev:/:A" in missing.detail


async def test_a_refusal_shows_the_reference_as_it_is_written_and_no_value() -> None:
    refused = await refusal({"A": "${dev.${B}.KEY}", "B": "hidden"})
    assert "${dev.${B}.KEY}" in refused.detail
    assert "hidden" not in refused.detail


async def test_a_value_that_leads_back_to_itself_is_refused() -> None:
    assert (await refusal({"A": "${A}"})).rule == "reference-cycle"
    assert (await refusal({"A": "${B}", "B": "${C}", "C": "${A}"})).rule == "reference-cycle"
    assert (await refusal({"A": "${dev.${A}}"})).rule == "reference-cycle"


async def test_ten_references_deep_is_the_most() -> None:
    assert await expanded(chain(MOST_DEPTH)) == "end"
    assert (await refusal(chain(MOST_DEPTH + 1))).rule == "reference-depth"


async def test_the_depth_counts_though_the_value_was_expanded_before() -> None:
    secrets = chain(MOST_DEPTH + 1)
    folders = ListedFolders({(DEV, key): value for key, value in secrets.items()})
    resolver = Resolver(folders)
    assert await resolver.expand(folders.secrets[DEV, "N1"]) == "end"
    with pytest.raises(UnacceptableError) as refused:
        await resolver.expand(folders.secrets[DEV, "A"])
    assert refused.value.rule == "reference-depth"


async def test_a_read_expands_two_thousand_references_at_most() -> None:
    assert await expanded({"A": "${B}" * MOST_REFERENCES, "B": "b"}) == "b" * MOST_REFERENCES
    assert (await refusal({"A": "${B}" * (MOST_REFERENCES + 1), "B": "b"})).rule == "reference-count"


async def test_an_expanded_value_has_a_megabyte_at_most() -> None:
    half = "ä" * (MIB // 4)
    assert len((await expanded({"A": "${B}${B}", "B": half})).encode()) == MIB
    assert (await refusal({"A": "${B}${B}!", "B": half})).rule == "reference-size"


async def test_values_that_multiply_are_refused_before_they_fill_the_memory() -> None:
    laughs: Mapping[str, str | None] = {f"L{i}": f"${{L{i + 1}}}" * 100 for i in range(9)} | {
        "L9": "ha" * 100
    }
    assert (await refusal(laughs, "L0")).rule in {"reference-size", "reference-count"}
    copies: Mapping[str, str | None] = {f"C{i}": "x${B}" for i in range(40)} | {"B": "b" * (MIB - 1)}
    everything = "${B}" + "".join(f"${{dev.folder.${{C{i}}}}}" for i in range(40))
    assert (await refusal({**copies, "A": everything})).rule in {"reference-size", "reference"}


async def test_each_folder_is_asked_once_for_all_that_a_value_refers_to() -> None:
    shared = Place("dev", FolderPath("/shared"))
    secrets = {(shared, f"S{i}"): str(i) for i in range(50)}
    value = "".join(f"${{dev.shared.S{i}}}" for i in range(50))
    folders = ListedFolders({**secrets, (DEV, "A"): value, (DEV, "B"): value})
    resolver = Resolver(folders)
    resolver.know(folders.secrets[DEV, name] for name in ("A", "B"))
    await resolver.expand(folders.secrets[DEV, "A"])
    await resolver.expand(folders.secrets[DEV, "B"])
    assert [place for place, _ in folders.asked] == [shared]


async def test_a_secret_that_may_not_be_read_hides_the_imported_one_of_its_name() -> None:
    shared = Place("dev", FolderPath("/shared"))
    secrets = {(DEV, "A"): "${B}", (DEV, "B"): None, (shared, "B"): "imported"}
    folders = ListedFolders(secrets, {DEV: [shared]})
    with pytest.raises(UnacceptableError) as refused:
        await Resolver(folders).expand(folders.secrets[DEV, "A"])
    assert refused.value.rule == "reference"


async def test_a_folder_draws_from_a_bounded_number_of_folders() -> None:
    many = [Place("dev", FolderPath(f"/f{i}")) for i in range(MOST_SOURCES)]
    assert len(await Resolver(ListedFolders({}, {DEV: many[1:]})).sources(DEV)) == MOST_SOURCES
    with pytest.raises(UnacceptableError) as refused:
        await Resolver(ListedFolders({}, {DEV: many})).sources(DEV)
    assert (refused.value.field, refused.value.rule) == ("path", "imports")
