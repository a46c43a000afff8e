from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.errors import Locked, WrongUse
from devvault.references.reference import Reference
from devvault.references.status import Status
from devvault.resolver.plan import (
    EnvFile,
    Failure,
    Journey,
    Plan,
    make_plan,
    needed_names,
    read_files,
    resolve_all,
)
from devvault.secretvalue import SecretValue

MISSING = Failure(Status.SECRET_NOT_FOUND, "there is no such secret", "devvault set X")


def ref(name: str, vault: str = "myvault") -> str:
    return f"@Microsoft.KeyVault(VaultName={vault};SecretName={name})"


class Shelf:
    """A vault of fixed values that counts what it was asked."""

    def __init__(self, **values: str) -> None:
        self.values = values
        self.asked: list[Reference] = []

    def __call__(self, references: Sequence[Reference]) -> list[SecretValue | Failure]:
        self.asked.extend(references)
        return [
            SecretValue(self.values[reference.name]) if reference.name in self.values else MISSING
            for reference in references
        ]


def plan(
    file: str = "",
    shelf: Shelf | None = None,
    environment: dict[str, str] | None = None,
    names: Sequence[str] = (),
    **more: object,
) -> Plan:
    files = (EnvFile(".env", file.encode()),) if file else ()
    journey = Journey(environment or {}, frozenset(names), files, **more)  # type: ignore[arg-type]
    return make_plan(journey, shelf or Shelf())


def test_a_reference_in_a_file_becomes_its_value():
    found = plan(f"DB={ref('db')}\nPORT=80\n", Shelf(db="v1"))
    assert dict(found.variables) == {"DB": "v1", "PORT": "80"}
    assert found.secret == {"DB"}
    assert [(item.setting, item.source, item.reference.name) for item in found.resolved] == [
        ("DB", ".env", "db")
    ]
    assert found.is_good


def test_the_environment_beats_the_files_and_its_key_is_never_looked_up():
    shelf = Shelf(db="v1")
    found = plan(f"DB={ref('db')}\n", shelf, names=["DB"])
    assert dict(found.variables) == {}
    assert shelf.asked == []


def test_a_reference_in_the_environment_is_resolved_in_place():
    found = plan("DB=plain\n", Shelf(db="v1"), {"DB": ref("db")})
    assert dict(found.variables) == {"DB": "v1"}


def test_of_two_files_the_later_wins():
    files = (EnvFile("a", f"X={ref('one')}\nY=1\n".encode()), EnvFile("b", b"X=2\n"))
    shelf = Shelf(one="1")
    found = make_plan(Journey(files=files), shelf)
    assert dict(found.variables) == {"X": "2", "Y": "1"}
    assert shelf.asked == []


def test_interpolation_comes_after_resolving_and_leaves_values_alone():
    text = f"PASS={ref('pw')}\nURL=db://u:${{PASS}}@h\nLITERAL='${{PASS}}'\n"
    found = plan(text, Shelf(pw="a${HOME}b"))
    assert found.variables["URL"] == "db://u:a${HOME}b@h"
    assert found.variables["LITERAL"] == "${PASS}"
    assert found.secret == {"PASS", "URL"}


def test_a_setting_that_merely_looks_like_a_value_is_no_secret():
    found = plan(f"PIN={ref('pin')}\nPORT=81\n", Shelf(pin="1"))
    assert found.secret == {"PIN"}


def test_names_that_a_file_asks_the_environment_for():
    text = b"A=${HOME}/x\nB='${USER}'\nC=${NOT_SET:-d}\nD=${KNOWN}\n"
    journey = Journey({"KNOWN": "k"}, frozenset({"HOME", "USER"}), (EnvFile(".env", text),))
    assert needed_names(journey, read_files(journey)) == ("HOME",)
    asked_again = Journey(
        {"KNOWN": "k", "HOME": "/h"}, frozenset({"USER"}), (EnvFile(".env", text),)
    )
    assert needed_names(asked_again, read_files(asked_again)) == ()
    found = make_plan(asked_again, Shelf()).variables
    assert found["A"] == "/h/x"
    assert found["C"] == "d"
    assert found["D"] == "k"


def test_all_failures_at_once_in_the_order_of_the_settings():
    text = f"ONE={ref('gone')}\nTWO=@Microsoft.KeyVault(SecretName=x)\nTHREE={ref('ok')}\n"
    found = plan(text, Shelf(ok="v"))
    assert not found.is_good
    assert [item.line.split(":")[:2] for item in found.failures] == [
        ["ONE", " SecretNotFound"],
        ["TWO", " InvalidSyntax"],
    ]


def test_literal_keeps_the_text_and_says_so():
    found = plan(f"ONE={ref('gone')}\nTWO=${{ONE}}\n", on_unresolved="literal")
    assert found.is_good
    assert dict(found.variables) == {"ONE": ref("gone"), "TWO": ref("gone")}
    assert found.notes == (
        "ONE: SecretNotFound: there is no such secret; it is passed on as it is written",
    )


def test_empty_empties_also_where_it_is_named():
    found = plan(
        f"ONE={ref('gone')}\nTWO=x${{ONE}}\n", environment={"E": ref("no")}, on_unresolved="empty"
    )
    assert dict(found.variables) == {"ONE": "", "TWO": "x", "E": ""}
    assert len(found.notes) == 2


def test_a_secret_in_a_file_is_refused_unless_it_is_allowed():
    line = "DB_PASSWORD=kT9#vQ2mZx7pLw4R"
    assert plan(line + "\n").refused == (
        (
            "DB_PASSWORD: .env line 1 holds a secret: named like a password",
            "devvault import .env",
        ),
    )
    assert plan(line + " # devvault: allow a test's\n").is_good
    assert plan(line + "\n", plain=frozenset({"DB_PASSWORD"})).is_good
    assert plan(line + "\n", plaintext="allow").is_good
    warned = plan(line + "\n", plaintext="warn")
    assert warned.is_good
    assert "holds a secret" in warned.notes[0]
    assert "kT9" not in repr((plan(line).refused, warned.notes))
    assert plan(line + "\n", names=["DB_PASSWORD"]).is_good


def test_settings_of_one_secret_share_a_look_up():
    shelf = Shelf(db="v")
    found = plan(f"A={ref('db')}\nB={ref('db', 'MyVault')}\n", shelf)
    assert dict(found.variables) == {"A": "v", "B": "v"}
    assert len(shelf.asked) == 1


def test_a_project_may_stand_a_local_vault_in():
    shelf = Shelf(db="v")
    plan(f"A={ref('db', 'prod-kv')}\n", shelf, vaults={"prod-kv": "Dev-KV"})
    assert [(r.vault, r.host) for r in shelf.asked] == [("dev-kv", "dev-kv.vault.azure.net")]


def test_a_value_with_a_nul_is_no_variable():
    found = plan(f"A={ref('bad')}\nB=1${{A}}\n", Shelf(bad="x\0y"))
    assert [(item.setting, item.failure.status) for item in found.failures] == [
        ("A", Status.OTHER_REASONS),
        ("B", Status.OTHER_REASONS),
    ]
    assert "x\0y" not in repr(found.failures)


def test_a_file_sets_no_option_of_devvault():
    found = plan("DEVVAULT_HOME=/evil\ndevvault_home=/evil\nA=1\n")
    assert dict(found.variables) == {"A": "1"}
    assert "does not set devvault's own options" in found.notes[0]


def test_hostile_names_and_broken_lines_are_left_out_and_told_by_line():
    found = plan("a;touch x=1\n$(id)=2\nwhat is this\nGOOD=3\n")
    assert dict(found.variables) == {"GOOD": "3"}
    assert not any("touch" in note or "id)" in note for note in found.notes)
    assert len(found.notes) == 3


def test_a_reference_inside_a_longer_text_is_told():
    found = plan(f"A=x{ref('db')}\n")
    assert found.variables["A"] == f"x{ref('db')}"
    assert "inside a longer text" in found.notes[0]


@pytest.mark.parametrize(("data", "words"), [(b"A=\0", "NUL"), (b"A=\xff", "not valid UTF-8")])
def test_bytes_that_are_no_text_are_refused(data, words):
    with pytest.raises(WrongUse, match=f"^app.env: line 1.*{words}"):
        make_plan(Journey(files=(EnvFile("app.env", data),)), Shelf())


def test_what_the_look_up_raises_ends_the_run():
    def locked(references: Sequence[Reference]) -> list[SecretValue | Failure]:
        raise Locked

    with pytest.raises(Locked):
        make_plan(Journey({"A": ref("db")}), locked)


def test_nothing_to_look_up_asks_nobody():
    def nobody(references: Sequence[Reference]) -> list[SecretValue | Failure]:
        raise AssertionError

    assert make_plan(Journey(files=(EnvFile(".env", b"A=1\n"),)), nobody).is_good


def test_resolve_all_gives_values_and_failures():
    values, failures = resolve_all(
        {"A": ref("db"), "B": ref("gone"), "C": "nonsense"}, Shelf(db="v")
    )
    assert values == {"A": "v"}
    assert [(item.setting, item.failure.status) for item in failures] == [
        ("B", Status.SECRET_NOT_FOUND),
        ("C", Status.INVALID_SYNTAX),
    ]


@given(
    st.dictionaries(st.sampled_from("ABCDEF"), st.text(alphabet="ab${}:-'\" ", max_size=8)),
    st.frozensets(st.sampled_from("ABCDEF")),
)
def test_no_name_of_the_environment_is_ever_overruled(settings, names):
    text = "".join(f"{key}={value}\n" for key, value in settings.items())
    found = make_plan(Journey({}, names, (EnvFile(".env", text.encode()),)), Shelf())
    assert not names & found.variables.keys()


@pytest.mark.parametrize(
    ("encoding", "held", "value"),
    [
        ("", "plain", "plain"),
        ("hex", "68656c6C6f", "hello"),
        ("base64", "aGVs\r\nbG8=\n", "hello"),
        ("utf-8", "aGVsbG8=", "aGVsbG8="),
    ],
)
def test_what_a_driver_would_decode_is_decoded(encoding, held, value):
    text = json.dumps({"keyvaultName": "v-1", "objectName": "s", "objectEncoding": encoding})
    values, failures = resolve_all({"A": text}, lambda refs: [SecretValue(held)] * len(refs))
    assert (values, failures) == ({"A": value}, [])


@pytest.mark.parametrize(
    ("encoding", "held", "why"),
    [
        ("hex", "xyz", "is no hex"),
        ("base64", "a", "is no base64"),
        ("base64", "/w==", "holds no text once its base64 is decoded"),
    ],
)
def test_what_cannot_be_decoded_is_told_without_it(encoding, held, why):
    text = json.dumps({"keyvaultName": "v-1", "objectName": "s", "objectEncoding": encoding})
    values, failures = resolve_all({"A": text}, lambda refs: [SecretValue(held)] * len(refs))
    assert values == {}
    assert failures[0].failure.status is Status.OTHER_REASONS
    assert why in failures[0].failure.reason
    assert "A: OtherReasons" in failures[0].line
