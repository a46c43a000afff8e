import copy
import dataclasses
import io
import json
import logging
import pickle
import pprint
import string
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.secretvalue import SecretValue

CLEAR = "tide-7-harbour"
SECRET = SecretValue(CLEAR)


@dataclasses.dataclass
class Account:
    user: str
    password: SecretValue


def test_reveal_is_the_way_in():
    assert SECRET.reveal() == CLEAR
    assert SecretValue("").reveal() == ""


@pytest.mark.parametrize(
    "shown",
    [
        repr(SECRET),
        str(SECRET),
        f"{SECRET}",
        f"{SECRET!r:>40}",
        f"{SECRET:>40}",
        "%s %r" % (SECRET, SECRET),  # noqa: UP031  # one of the ways to print
        "{} {!a}".format(SECRET, SECRET),  # noqa: UP032  # another
        string.Template("$a").substitute(a=SECRET),
        repr([SECRET, {"a": SECRET}, (SECRET,)]),
        pprint.pformat({"a": [SECRET]}),
        repr(Account("me", SECRET)),
        repr(dataclasses.asdict(Account("me", SECRET))),
        json.dumps({"a": SECRET}, default=str),
        json.dumps({"a": SECRET}, default=repr),
        str(ValueError(SECRET)),
        repr(dir(SECRET)),
    ],
)
def test_it_is_never_shown(shown):
    assert CLEAR not in shown
    assert "secret" in shown.lower()


def test_a_log_does_not_show_it():
    page = io.StringIO()
    logger = logging.getLogger("tests.secretvalue")
    logger.propagate = False
    logger.addHandler(logging.StreamHandler(page))
    logger.warning("%s %r", SECRET, SECRET)
    logger.warning(SECRET)
    logger.warning("%(a)s", {"a": SECRET})
    assert CLEAR not in page.getvalue()
    assert page.getvalue().count("[secret]") == 4


def test_a_traceback_with_locals_does_not_show_it():
    def fails(password):
        held = [password]
        raise ValueError(held)

    try:
        fails(SECRET)
    except ValueError as error:
        whole = traceback.TracebackException.from_exception(error, capture_locals=True)
        shown = "".join(whole.format())
    assert "held = " in shown
    assert CLEAR not in shown


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_is_not_pickled(protocol):
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps({"a": SECRET}, protocol)


@pytest.mark.parametrize(
    "take",
    [
        lambda: json.dumps(SECRET),
        SECRET.__getstate__,
        lambda: vars(SECRET),
        lambda: len(SECRET),
        lambda: list(SECRET),
        lambda: hash(SECRET),
        lambda: bytes(SECRET),
        lambda: "".join(iter([SECRET])),
        lambda: "a" + SECRET,
        lambda: SECRET + "a",
        lambda: CLEAR in SECRET,
        lambda: {SECRET},
        lambda: Path(SECRET),
        lambda: max(SECRET, SecretValue("a")),
    ],
)
def test_what_works_on_strings_refuses_it(take):
    with pytest.raises(TypeError) as caught:
        take()
    assert CLEAR not in str(caught.value)


def test_a_copy_is_the_same_object():
    assert copy.copy(SECRET) is SECRET
    assert copy.deepcopy([SECRET])[0] is SECRET
    assert dataclasses.replace(Account("me", SECRET), user="you").password is SECRET


def test_yaml_does_not_dump_it():
    yaml = pytest.importorskip("yaml")
    with pytest.raises((TypeError, yaml.YAMLError)) as caught:
        yaml.dump({"a": SECRET})
    assert CLEAR not in str(caught.value)
    with pytest.raises(yaml.YAMLError):
        yaml.safe_dump({"a": SECRET})


@given(st.text(), st.text())
def test_equality_is_that_of_the_values(one, other):
    assert (SecretValue(one) == SecretValue(other)) is (one == other)
    assert SecretValue(one) == SecretValue(one)


@given(st.text(st.characters(exclude_categories=())))
def test_every_text_can_be_held(text):
    assert SecretValue(text).reveal() == text
    assert SecretValue(text) == SecretValue(text)


def test_it_equals_no_string():
    assert SECRET != CLEAR
    assert CLEAR != SECRET


def test_emptiness_is_no_secret():
    assert SECRET
    assert not SecretValue("")


def test_only_a_text_is_held():
    with pytest.raises(TypeError, match="not bytes") as caught:
        SecretValue(CLEAR.encode())
    assert CLEAR not in str(caught.value)
    with pytest.raises(TypeError):
        SecretValue(SECRET)


def test_a_pydantic_model_dumps_no_value():
    pydantic = pytest.importorskip("pydantic")

    class Model(pydantic.BaseModel):
        password: SecretValue

    model = Model(password=CLEAR)
    assert model.password == SECRET
    assert Model(password=SECRET).password is SECRET
    assert Model.model_validate_json(json.dumps({"password": CLEAR})).password == SECRET
    assert model.model_dump_json() == '{"password":"[secret]"}'
    assert model.model_dump(mode="json") == {"password": "[secret]"}
    assert model.model_dump() == {"password": SECRET}
    for shown in (repr(model), str(model), repr(model.model_dump())):
        assert CLEAR not in shown
    assert Model.model_json_schema()["properties"]["password"]["format"] == "password"
    with pytest.raises(pydantic.ValidationError):
        Model(password=7)
    assert model.model_copy(deep=True).password is model.password
