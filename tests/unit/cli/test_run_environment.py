"""The environment of a command that is run with secrets."""

from ca_service.cli.run_environment import with_secrets

THERE = {"HOME": "/home/a", "PATH": "/bin", "KEYWRIGHT_TOKEN": "kw_1", "MODE": "old"}


def test_given_secrets_then_they_stand_beside_what_was_there_without_our_token() -> None:
    made = with_secrets(THERE, {"DB": "x"})

    assert made.variables == {b"HOME": b"/home/a", b"PATH": b"/bin", b"MODE": b"old", b"DB": b"x"}
    assert made.left_out == {}


def test_given_keep_token_then_our_token_stays() -> None:
    assert with_secrets(THERE, {}, keeps_token=True).variables[b"KEYWRIGHT_TOKEN"] == b"kw_1"


def test_given_a_secret_named_as_our_token_then_it_is_the_commands() -> None:
    assert with_secrets(THERE, {"KEYWRIGHT_TOKEN": "kw_2"}).variables[b"KEYWRIGHT_TOKEN"] == b"kw_2"


def test_given_the_same_name_twice_then_the_secret_wins_unless_told_otherwise() -> None:
    assert with_secrets(THERE, {"MODE": "new"}).variables[b"MODE"] == b"new"
    assert with_secrets(THERE, {"MODE": "new"}, is_overriding=False).variables[b"MODE"] == b"old"


def test_given_names_that_no_variable_has_then_they_are_named_and_left_out() -> None:
    made = with_secrets({}, {"db.password": "x", "a-b": "x", "A_1": "x", "NUL": "a\0b"})

    assert set(made.variables) == {b"A_1"}
    assert set(made.left_out) == {"db.password", "a-b", "NUL"}
    assert "NUL" in made.left_out["NUL"]


def test_given_names_that_steer_programs_then_they_are_left_out_unless_asked_for() -> None:
    steering = {"PATH": "/evil", "LD_PRELOAD": "/evil.so", "BASH_ENV": "/evil.sh", "DB": "x"}

    made = with_secrets(THERE, steering)
    assert made.variables[b"PATH"] == b"/bin"
    assert set(made.left_out) == {"PATH", "LD_PRELOAD", "BASH_ENV"}
    assert "--only PATH" in made.left_out["PATH"]

    asked = with_secrets(THERE, steering, only=["PATH"])
    assert (asked.variables[b"PATH"], asked.left_out) == (b"/evil", {})
    assert b"DB" not in asked.variables


def test_given_a_prefix_then_it_stands_before_each_name_and_decides_what_steers() -> None:
    assert with_secrets({}, {"PATH": "x", "DB": "y"}, prefix="APP_").variables == {
        b"APP_PATH": b"x",
        b"APP_DB": b"y",
    }
    assert set(with_secrets({}, {"PRELOAD": "x"}, prefix="LD_").left_out) == {"PRELOAD"}


def test_given_letters_of_the_world_then_they_are_utf_8_and_what_was_there_stays_as_it_was() -> None:
    made = with_secrets({"OLD": "\udcff"}, {"NEW": "ключ"})

    assert made.variables == {b"OLD": b"\xff", b"NEW": "ключ".encode()}
