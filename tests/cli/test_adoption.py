from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.cli.adoption import Fate, Rules, Step, give_names, judge_file, unknown_keys
from devvault.secretvalue import SecretValue
from devvault.settingsfiles.base import get_format


class Shelf:
    """A vault in a dictionary; a value of None is a secret that may not be read."""

    def __init__(self, **held):
        self.held = {name.lower().replace("_", "-"): value for name, value in held.items()}

    def is_taken(self, name):
        return name.lower() in self.held

    def holds(self, name, value):
        return self.held.get(name.lower()) == value


def judged(text, form="dotenv", **rules):
    return judge_file(".env", get_format(form).read(text.encode()), Rules(**rules), form=form)


def fates(text, form="dotenv", **rules):
    return {step.key: str(step.fate) for step in judged(text, form, **rules)}


def step(key, value):
    return Step(".env", key, Fate.SECRET, "", SecretValue(value))


def test_who_overrules_whom():
    text = "A_TOKEN=abcdef12\nB_TOKEN=abcdef12 # devvault: allow it is a fake\nC=x y\nD=@Microsoft.KeyVault(VaultName=v-v;SecretName=s)\n"  # noqa: E501
    assert fates(text) == {"A_TOKEN": "secret", "B_TOKEN": "plain", "C": "plain", "D": "reference"}
    assert fates(text, project_plain=["A_TOKEN"])["A_TOKEN"] == "plain"
    assert fates(text, project_plain=["A_TOKEN"], secret=["A_TOKEN"])["A_TOKEN"] == "secret"
    assert fates(text, plain=["A_TOKEN"])["A_TOKEN"] == "plain"
    assert fates(text, secret=["B_TOKEN", "C", "D"]) == {
        "A_TOKEN": "secret", "B_TOKEN": "secret", "C": "secret", "D": "reference"
    }  # fmt: skip


def test_a_nested_key_may_be_named_either_way():
    text = '{"Smtp": {"Pin": "x y"}}'
    for name in ("Smtp:Pin", "Smtp__Pin"):
        assert fates(text, "json", secret=[name]) == {"Smtp:Pin": "secret"}
    assert unknown_keys(judged(text, "json"), Rules(secret=["Smtp__Pin", "Pin"])) == ["Pin"]


def test_a_key_that_is_set_twice():
    assert fates("A_TOKEN=abcdef12\nA_TOKEN=true\n") == {"A_TOKEN": "secret"}
    left = judged("A_TOKEN=abcdef12\nA_TOKEN=\n")[0]
    assert (left.fate, left.why) == (Fate.LEFT, "the lines 1, 2 differ, and the last is empty")
    above = judged("A_TOKEN=abcdef12\nA_TOKEN=@Microsoft.KeyVault(VaultName=v-v;SecretName=s)\n")[0]
    assert (above.fate, "line 1 still holds a secret" in above.why) == (Fate.LEFT, True)


def test_what_cannot_be_moved_is_left():
    assert judged("DEVVAULT_PASSPHRASE=abcdef12\n")[0].fate is Fate.LEFT
    assert judged("A=1\nno line of any kind\n")[1].key == "line 2"
    assert judged("A_TOKEN=" + "aB1" * 9000)[0].fate is Fate.LEFT
    assert judged("A=\n", secret=["A"])[0].fate is Fate.LEFT


def test_composed_values_are_stored_as_the_program_gets_them():
    found = judged("H=db\nP=${H}-abcdef12\nU=${OUT}-${P:-x}\n", secret=["P", "U"],
                   environment={"OUT": "o"})  # fmt: skip
    values = {one.key: one.value.reveal() for one in found if one.value}
    assert values == {"P": "db-abcdef12", "U": "o-db-abcdef12"}


def test_why_never_holds_the_value():
    for one in judged("A_TOKEN=abcdef12\nDB=postgres://a:Zq81-xy@h/d\nB_TOKEN=\nno abcdef12\n"):
        assert "abcdef12" not in repr(one)
        assert "Zq81" not in repr(one)


@pytest.mark.parametrize(
    ("shelf", "name", "is_stored"),
    [
        (Shelf(), "A-B", False),
        (Shelf(a_b="v"), "A-B", True),
        (Shelf(a_b="other"), "A-B-2", False),
        (Shelf(a_b=None), "A-B-2", False),
        (Shelf(a_b="other", a_b_2="v"), "A-B-2", True),
    ],
)
def test_names(shelf, name, is_stored):
    (found,) = give_names([step("A_B", "v")], shelf)
    assert (found.secret, found.is_stored) == (name, is_stored)


def test_a_name_that_another_setting_points_at_is_taken():
    (found,) = give_names([step("A_B", "v")], Shelf(), taken=["a-b"])
    assert found.secret == "A-B-2"
    (found,) = give_names([step("A_B", "v")], Shelf(a_b="v"), taken=["a-b"])
    assert found.secret == "A-B"


@given(
    st.lists(st.tuples(st.sampled_from(["A_B", "a.b", "A-B", "A__B", "a:b", "Z" * 130, "Z" * 131]),
                       st.sampled_from(["1", "2", "3"])), max_size=12)
)  # fmt: skip
def test_a_name_stands_for_one_value(pairs):
    found = give_names([step(key, value) for key, value in pairs], Shelf(a_b="1", z="9"))
    assert len(found) == len(pairs)
    by_name = {}
    for one in found:
        assert 1 <= len(one.secret) <= 127
        assert by_name.setdefault(one.secret.lower(), one.value) == one.value


def test_a_value_torn_over_lines_is_told_by_its_lines_alone():
    pieces = [
        "q7Wn3Rt6Yp1Kd8Lx4Vb9Mz2Hc5Jf0Gs",
        "x8Kq2Lm9Zt4Rw7Vb1Nc6Yd3Fg5Hj0Ps",
        "aB3kQ9zT7mW2pX5vL8==",
    ]
    found = judged("\n".join(["A=1", "CERT=header", *pieces, "B=2"]))
    assert [(one.key, one.fate) for one in found] == [
        ("A", Fate.PLAIN), ("CERT", Fate.PLAIN), ("B", Fate.PLAIN),
        ("line 3", Fate.LEFT), ("line 4", Fate.LEFT), ("line 5", Fate.LEFT),
    ]  # fmt: skip
    assert not any(piece[:8] in repr(found) for piece in pieces)
