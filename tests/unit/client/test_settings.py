"""Which server, as whom, trusting what: and nothing of one server for another."""

import stat
from pathlib import Path

import pytest

from ca_service.client.errors import ClientError
from ca_service.client.settings import DEFAULT_URL, kept_login, load_settings, settings_folder, store_settings

OTHER = "https://ca.example.com:8443"


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """The environment of a person without anything."""
    return {"HOME": str(tmp_path), "KEYWRIGHT_DATA": str(tmp_path / "data")}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data directory of a server beside that person."""
    made = tmp_path / "data"
    made.mkdir()
    (made / "admin-token").write_text("kw_admin\n")
    (made / "root-ca.pem").write_text("root")
    return made


def token_of(variables: dict[str, str]) -> str | None:
    token = load_settings(variables).token
    return None if token is None else token.reveal()


def test_given_nothing_then_the_server_is_the_default_one(variables: dict[str, str]) -> None:
    settings = load_settings(variables)

    assert (settings.url, settings.token, settings.ca_file) == (DEFAULT_URL, None, None)


def test_given_a_server_beside_then_its_files_are_used(variables: dict[str, str], data: Path) -> None:
    assert token_of(variables) == "kw_admin"
    assert load_settings(variables).ca_file == data / "root-ca.pem"


def test_given_another_server_then_the_files_beside_are_not_for_it(
    variables: dict[str, str], data: Path
) -> None:
    variables["KEYWRIGHT_URL"] = OTHER

    assert (token_of(variables), load_settings(variables).ca_file) == (None, None)


def test_given_kept_settings_then_they_are_used(variables: dict[str, str]) -> None:
    store_settings(variables, {"url": OTHER, "token": "kw_kept", "ca_file": "/root.pem"})

    settings = load_settings(variables)

    assert (settings.url, token_of(variables), settings.ca_file) == (OTHER, "kw_kept", Path("/root.pem"))


def test_given_the_environment_then_it_wins(variables: dict[str, str]) -> None:
    store_settings(variables, {"url": OTHER, "token": "kw_kept", "ca_file": "/root.pem"})
    variables |= {"KEYWRIGHT_URL": OTHER, "KEYWRIGHT_TOKEN": "kw_mine\n", "KEYWRIGHT_CA": "/mine.pem"}

    assert (token_of(variables), load_settings(variables).ca_file) == ("kw_mine", Path("/mine.pem"))


def test_given_another_url_in_the_environment_then_the_kept_token_is_not_for_it(
    variables: dict[str, str],
) -> None:
    store_settings(variables, {"url": OTHER, "token": "kw_kept", "ca_file": "/root.pem"})
    variables["KEYWRIGHT_URL"] = "https://elsewhere.example"

    assert (token_of(variables), load_settings(variables).ca_file) == (None, None)


def test_given_a_slash_at_the_end_then_it_is_the_same_server(variables: dict[str, str]) -> None:
    store_settings(variables, {"url": OTHER, "token": "kw_kept"})
    variables["KEYWRIGHT_URL"] = OTHER + "/"

    assert (load_settings(variables).url, token_of(variables)) == (OTHER, "kw_kept")


def test_given_another_server_then_what_was_kept_of_the_first_is_forgotten(variables: dict[str, str]) -> None:
    store_settings(variables, {"url": OTHER, "token": "kw_kept", "ca_file": "/root.pem"})

    store_settings(variables, {"url": "https://elsewhere.example", "ca_file": "/other.pem"})

    assert token_of(variables) is None


def test_given_a_new_root_of_the_same_server_then_the_login_stays(variables: dict[str, str]) -> None:
    store_settings(variables, {"url": OTHER, "token": "kw_kept"})

    store_settings(variables, {"url": OTHER, "ca_file": "/new.pem"})

    assert token_of(variables) == "kw_kept"


def test_given_none_then_a_setting_is_removed(variables: dict[str, str]) -> None:
    store_settings(variables, {"url": OTHER, "token": "kw_kept"})

    store_settings(variables, {"token": None})

    assert (load_settings(variables).url, token_of(variables)) == (OTHER, None)


def test_given_settings_then_nobody_else_may_read_them(variables: dict[str, str]) -> None:
    file = store_settings(variables, {"token": "kw_kept"})

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in file.parent.iterdir()] == ["settings.json"]


def test_given_an_open_rest_of_an_earlier_write_then_the_token_is_still_private(
    variables: dict[str, str],
) -> None:
    folder = settings_folder(variables)
    folder.mkdir(parents=True)
    (folder / "settings.json.new").touch(0o644)

    assert stat.S_IMODE(store_settings(variables, {"token": "kw_kept"}).stat().st_mode) == 0o600


def test_given_a_folder_for_settings_then_it_is_used(variables: dict[str, str], tmp_path: Path) -> None:
    variables["XDG_CONFIG_HOME"] = str(tmp_path / "xdg")

    assert store_settings(variables, {"url": OTHER}) == tmp_path / "xdg" / "keywright" / "settings.json"


def test_given_a_folder_that_cannot_be_made_then_a_sentence_names_it(
    variables: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    variables["XDG_CONFIG_HOME"] = str(tmp_path / "file")

    with pytest.raises(ClientError, match=r"settings\.json"):
        store_settings(variables, {"url": OTHER})


@pytest.mark.parametrize("content", ["{", "[]", '"x"', "\x00"])
def test_given_settings_that_are_none_then_a_sentence_names_the_file(
    variables: dict[str, str], content: str
) -> None:
    folder = settings_folder(variables)
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(content)

    with pytest.raises(ClientError, match=r"settings\.json"):
        load_settings(variables)


def test_given_no_login_then_none_is_kept(variables: dict[str, str], data: Path) -> None:
    # The administrator's token beside a server was never logged in with, and must not be logged out.
    variables["KEYWRIGHT_TOKEN"] = "kw_mine"

    assert kept_login(variables) is None


def test_given_a_login_then_it_is_found_whatever_the_environment_says(variables: dict[str, str]) -> None:
    store_settings(variables, {"url": OTHER, "token": "kw_kept", "ca_file": "/root.pem"})
    variables |= {"KEYWRIGHT_URL": "https://elsewhere.example", "KEYWRIGHT_TOKEN": "kw_mine"}

    kept = kept_login(variables)

    assert kept is not None
    assert kept.token is not None
    assert (kept.url, kept.token.reveal(), kept.ca_file) == (OTHER, "kw_kept", Path("/root.pem"))


def test_given_settings_then_a_representation_does_not_show_the_token(variables: dict[str, str]) -> None:
    store_settings(variables, {"token": "kw_kept"})

    assert "kw_kept" not in repr(load_settings(variables))
