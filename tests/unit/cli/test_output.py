"""Answers for people and for programs."""

import json

import pytest

from ca_service.cli.output import conclude, print_fields, print_table, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        ("", "-"),
        ([], "-"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        (["a", "b"], "a, b"),
        ({"a": 1}, '{"a": 1}'),
        ("é", "é"),
    ],
)
def test_given_a_value_then_a_person_can_read_it(value: object, text: str) -> None:
    assert shown(value) == text


def test_given_rows_then_columns_stand_under_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["id", "not after"], [["crt_1", None], ["x", "2030"]], "nothing")

    assert capsys.readouterr().out == "ID     NOT AFTER\ncrt_1  -\nx      2030\n"


def test_given_no_rows_then_a_sentence_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["id"], [], "no such certificates")

    assert capsys.readouterr().out == "no such certificates\n"


def test_given_fields_then_their_values_begin_in_one_column(capsys: pytest.CaptureFixture[str]) -> None:
    print_fields([("id", "1"), ("status", "valid")])

    assert capsys.readouterr().out == "id      1\nstatus  valid\n"


def test_given_json_then_the_answer_stands_alone_on_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    conclude("done", {"removed": "x"}, True)

    told = capsys.readouterr()
    assert (json.loads(told.out), told.err) == ({"removed": "x"}, "")


def test_given_no_json_then_the_sentence_leaves_standard_output_empty(
    capsys: pytest.CaptureFixture[str],
) -> None:
    conclude("done", {"removed": "x"}, False)

    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "done\n")
