from __future__ import annotations

from collections import OrderedDict

from devvault.cli.rows import to_table, to_tsv


def test_a_table_has_capital_names_sorted_and_no_ids():
    rows = [{"name": "a", "id": "/x", "attributes": {"enabled": True}, "count": 2, "none": None}]
    assert to_table(rows, sort=True) == "Count    Name\n-------  ------\n2        a\n"


def test_a_query_keeps_its_own_order():
    rows = [OrderedDict([("z", 1), ("a", "two")]), OrderedDict([("z", 3), ("a", "f")])]
    assert to_table(rows, sort=False) == "Z    A\n---  ---\n1    two\n3    f\n"


def test_columns_that_only_some_rows_have_are_empty_in_the_others():
    assert to_table([{"a": 1}, {"b": 2}], sort=True) == "A    B\n---  ---\n1\n     2\n"


def test_a_scalar_and_a_list_of_lists():
    assert to_table("x", sort=False) == "Result\n--------\nx\n"
    assert (
        to_table([["a", 1]], sort=False)
        == "Column1    Column2\n---------  ---------\na          1\n"
    )


def test_nothing_to_show_is_no_table():
    assert to_table([], sort=True) == ""
    assert to_table([{"id": "only"}], sort=True) == ""


def test_wide_characters_take_two_columns():
    assert to_table([{"n": "鍵", "o": 1}], sort=True) == "N    O\n---  ---\n鍵   1\n"


def test_tsv_is_in_order_of_names_and_says_none():
    assert to_tsv({"b": None, "a": "x", "list": [1, 2], "map": {"k": 1}}) == "x\tNone\t2\t\n"
    assert to_tsv([True, "x", 3]) == "true\nx\n3\n"
    assert to_tsv(OrderedDict([("b", 1), ("a", False)])) == "1\tFalse\n"
    assert to_tsv([["a", None]]) == "a\tNone\n"


def test_a_table_steers_no_terminal_and_tsv_is_left_as_it_is():
    odd = {"a\x1b": "\x1b[31m\u202e"}
    assert to_table(odd, sort=True).splitlines()[2] == "\\x1b[31m\\x202e"
    assert to_table(odd, sort=True).replace("\n", "").isprintable()
    assert to_tsv(odd) == "\x1b[31m\u202e\n"
