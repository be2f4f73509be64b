"""The light command line of `serve`."""

import pytest

from ca_service.cli.serving import config_of, parse_options
from ca_service.config import ConfigError


def test_given_options_then_each_is_read_in_both_spellings() -> None:
    options = parse_options(["--data", "/d", "--listen=127.0.0.1:0", "--workers", "2"])

    assert options == {"data": "/d", "listen": "127.0.0.1:0", "workers": "2"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--data"],
        ["--data", "--listen"],
        ["--unknown", "x"],
        ["extra"],
        ["--data", "a", "--data", "b"],
    ],
)
def test_given_anything_else_then_the_whole_command_line_is_left_to_answer(arguments: list[str]) -> None:
    assert parse_options(arguments) is None


def test_given_options_then_they_stand_for_their_settings() -> None:
    config = config_of(
        {"data": "/d", "database": "sqlite:////x.db", "plain-listen": "127.0.0.1:1", "workers": "3"}
    )

    assert (config.data, config.database.url, config.server.plain_listen, config.server.workers) == (
        "/d",
        "sqlite:////x.db",
        "127.0.0.1:1",
        3,
    )


@pytest.mark.parametrize("workers", ["two", "", "-1", "٣"])
def test_given_workers_that_are_no_number_then_a_sentence_says_so(workers: str) -> None:
    with pytest.raises(ConfigError, match="--workers"):
        config_of({"workers": workers})
