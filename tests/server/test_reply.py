from __future__ import annotations

import json

import pytest

from devvault import errors
from devvault.server.reply import error_reply, json_reply

STATUS = {
    errors.Invalid: 400,
    errors.WrongUse: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.WrongMethod: 405,
    errors.Conflict: 409,
    errors.Stale: 409,
    errors.Damaged: 422,
    errors.PlaintextSecret: 422,
    errors.Locked: 423,
    errors.Unavailable: 424,
}


@pytest.mark.parametrize(("kind", "status"), STATUS.items(), ids=str)
def test_a_class_has_a_status(kind, status):
    reply = error_reply(kind("no", code="Code", inner="Inner", hint="devvault help"))
    assert reply.status == status
    assert json.loads(reply.body) == {
        "error": {
            "code": "Code",
            "message": "no",
            "innererror": {"code": "Inner"},
            "hint": "devvault help",
        }
    }


def test_every_error_but_the_root_and_the_run_has_a_row():
    kinds = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.DevvaultError)
    }
    assert kinds - set(STATUS) == {errors.DevvaultError, errors.Unresolved}


def test_what_is_absent_is_left_out():
    assert json.loads(error_reply(errors.Invalid("no")).body) == {
        "error": {"code": "BadParameter", "message": "no"}
    }


def test_failures_of_a_run_are_told_one_by_one():
    reply = error_reply(errors.Unresolved("1 failed", [("A", "SecretNotFound", "none", "set it")]))
    assert reply.status == 422
    assert json.loads(reply.body)["failures"] == [
        {"setting": "A", "status": "SecretNotFound", "reason": "none", "hint": "set it"}
    ]


def test_json_is_utf_8():
    reply = json_reply(200, {"a": "é"}, {"x": "y"})
    assert reply.body == '{"a":"é"}'.encode()
    assert reply.headers == {"content-type": "application/json; charset=utf-8", "x": "y"}
