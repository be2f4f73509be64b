"""Recovery codes: 24 words of a rule, with a checksum against mistakes."""

import pytest

from ca_service.custody.errors import RecoveryCodeError
from ca_service.custody.recovery import WORDS, _parse_code, make_recovery_code, word
from ca_service.kernel.secret_value import SecretValue
from tests.support.fakes.kernel import FakeRandomness


def code() -> str:
    return make_recovery_code(FakeRandomness()).reveal()


def test_there_are_2048_different_words_of_four_letters() -> None:
    words = {word(number) for number in range(2048)}
    assert (len(words), {len(text) for text in words}) == (2048, {4})


def test_a_code_has_24_words() -> None:
    assert len(code().split()) == WORDS


def test_a_code_gives_back_the_random_bytes_it_was_made_of() -> None:
    assert _parse_code(SecretValue(code())) == FakeRandomness().token_bytes(32)


@pytest.mark.parametrize(
    "write", [str.upper, lambda text: text.replace(" ", "-"), lambda text: f"  {text}\n"]
)
def test_a_code_may_be_typed_in_other_ways(write: object) -> None:
    assert callable(write)
    assert _parse_code(SecretValue(write(code()))) == _parse_code(SecretValue(code()))


def test_a_word_too_few_is_refused_with_the_count() -> None:
    with pytest.raises(RecoveryCodeError, match="has 24 words, this one has 23"):
        _parse_code(SecretValue(code().rsplit(" ", 1)[0]))


def test_a_word_that_is_none_is_refused_by_its_place() -> None:
    words = code().split()
    words[4] = "zzzz"
    with pytest.raises(RecoveryCodeError, match="Word 5"):
        _parse_code(SecretValue(" ".join(words)))


def test_a_wrong_word_is_refused_by_the_checksum() -> None:
    words = code().split()
    words[0] = word(0) if words[0] != word(0) else word(1)
    with pytest.raises(RecoveryCodeError, match="wrong or out of place"):
        _parse_code(SecretValue(" ".join(words)))


def test_an_error_does_not_repeat_the_words() -> None:
    with pytest.raises(RecoveryCodeError) as refused:
        _parse_code(SecretValue("secretword " * 24))
    assert "secretword" not in refused.value.detail
