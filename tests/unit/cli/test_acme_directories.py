"""What the options of `keywright acme directory` become."""

from ca_service.cli.acme_directories import _given


def test_what_is_not_named_is_not_sent() -> None:
    assert _given(authority=None, challenges=None, resolvers=[]) == {}


def test_what_is_named_is_sent() -> None:
    assert _given(authority="issuing", challenges=["dns-01"]) == {
        "authority": "issuing",
        "challenges": ["dns-01"],
    }


def test_an_empty_text_takes_a_setting_away() -> None:
    assert _given(authority="", challenges=[""], resolvers=[""]) == {
        "authority": None,
        "challenges": None,
        "resolvers": [],
    }
