"""What a host does with a revocation list that it is sent, as ssh-keygen reads and verifies it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ca_service.agent.errors import ListRefusedError
from ca_service.agent.revocation_list import NAMESPACE, keep_list
from ca_service.agent.state import KeptList
from ssh_ca.revocation_list import RevocationList, encode_revocation_list
from tests.support.host_ground import HostKey

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SIGNER = HostKey.new()


def a_list(version: int, comment: str = "") -> bytes:
    content = RevocationList(version=version, generated_at=int(NOW.timestamp()), comment=comment)
    return encode_revocation_list(content)


def kept(file: Path, before: KeptList | None, content: bytes, signer: HostKey = SIGNER) -> KeptList:
    """Offer a list with its signature to a host that trusts SIGNER."""
    signature = signer.sign(content, NAMESPACE).encode()
    return keep_list(file, before, content, signature, [SIGNER.line], NOW)


def cut_short(content: bytes) -> bytes:
    return content[:-3]


def empty(content: bytes) -> bytes:
    return content[:0]


def with_rubbish_behind(content: bytes) -> bytes:
    return content + b"\x09rubbish"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "krl"


def test_given_a_newer_list_then_it_takes_the_place_of_the_older(file: Path) -> None:
    first = kept(file, None, a_list(7))

    second = kept(file, first, a_list(8))

    assert (second.version, file.read_bytes()) == (8, a_list(8))


def test_given_an_older_list_with_a_good_signature_then_the_one_in_place_stays(file: Path) -> None:
    first = kept(file, None, a_list(8))

    with pytest.raises(ListRefusedError, match="version 7, older than 8"):
        kept(file, first, a_list(7))

    assert file.read_bytes() == a_list(8)


def test_given_an_older_list_and_a_lost_state_then_the_file_in_place_counts(file: Path) -> None:
    kept(file, None, a_list(8))

    with pytest.raises(ListRefusedError, match="older than 8"):
        kept(file, None, a_list(7))


def test_given_an_older_list_and_a_removed_file_then_the_state_counts(file: Path) -> None:
    first = kept(file, None, a_list(8))
    file.unlink()

    with pytest.raises(ListRefusedError, match="older than 8"):
        kept(file, first, a_list(7))

    assert not file.exists()


def test_given_another_list_of_the_same_version_then_the_one_in_place_stays(file: Path) -> None:
    first = kept(file, None, a_list(8))

    with pytest.raises(ListRefusedError, match="two revocation lists of version 8"):
        kept(file, first, a_list(8, "another"))

    assert file.read_bytes() == a_list(8)


@pytest.mark.parametrize("harm", [cut_short, empty, with_rubbish_behind], ids=lambda harm: harm.__name__)
def test_given_a_broken_list_with_a_good_signature_then_the_one_in_place_stays(
    file: Path, harm: Callable[[bytes], bytes]
) -> None:
    first = kept(file, None, a_list(8))

    with pytest.raises(ListRefusedError, match="the one in place stays"):
        kept(file, first, harm(a_list(9, "comment")))

    assert file.read_bytes() == a_list(8)


def test_given_a_list_that_nobody_known_signed_then_the_one_in_place_stays(file: Path) -> None:
    first = kept(file, None, a_list(8))

    with pytest.raises(ListRefusedError, match="signature"):
        kept(file, first, a_list(9), HostKey.new())

    assert file.read_bytes() == a_list(8)
