"""What the documents name exists."""

import re
from pathlib import Path

import pytest

from tests.support.source import ROOT

_DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def _name(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("document", _DOCUMENTS, ids=_name)
def test_every_link_inside_the_repository_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (document.parent / target).exists(), (
                f"{_name(document)} links to {target}, which is not there"
            )


@pytest.mark.parametrize("document", _DOCUMENTS, ids=_name)
def test_every_make_target_that_is_named_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", document.read_text(encoding="utf-8"), re.MULTILINE))
    assert named <= targets, f"{_name(document)} names {named - targets}"


@pytest.mark.parametrize("document", _DOCUMENTS, ids=_name)
def test_every_test_file_that_is_named_exists(document: Path) -> None:
    for path in re.findall(
        r"`((?:tests|docs|ca_service|acme|ssh_ca)/[\w/.-]+\.\w+)`", document.read_text("utf-8")
    ):
        assert (ROOT / path).exists(), f"{_name(document)} names {path}, which is not there"
