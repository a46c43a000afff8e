from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devvault.errors import DevvaultError, Invalid, Locked, Unavailable, WrongUse
from devvault.server.local.base import Ask
from devvault.server.local.routes import ROUTES

VALUE = "s3cret-Value-1x9"
DIFF = b"""\
:000000 100644 0000000 1234567 A\ta.env

diff --git a/a.env b/a.env
new file mode 100644
index 0000000..1234567
--- /dev/null
+++ b/a.env
@@ -0,0 +1,2 @@
+A=1
+KEY=%b
""" % VALUE.encode()


def file(name=b"", data=b""):
    return b"%b\0%d\0%b" % (name, len(data), data)


NONE = file()


def ask(plane, diff=DIFF, folder=b"/app", project=NONE, baseline=NONE):
    body = folder + b"\0" + project + baseline + diff
    return ROUTES["POST", "/local/check"].handle(plane.plane, Ask({}, body)).body


def test_the_answer_is_code_stdout_and_stderr(plane):
    plane.set("my-vault", "db", VALUE)
    code, size, words = ask(plane).split(b"\0", 2)
    out, told = words[: int(size)], words[int(size) :]
    assert code == b"1"
    assert out.startswith(
        b"a.env:2:5: KEY=**** is the value of the secret db in the vault my-vault"
    )
    assert told.endswith(b"devvault: checked 1 file, 25 bytes: 1 finding\n")
    assert VALUE.encode() not in words
    assert ask(plane, b"").startswith(b"0\0000\0")


def test_the_project_says_what_it_may(plane):
    plain = file(b"/app/devvault.toml", b'plain = ["DB_PASSWORD"]\n')
    diff = DIFF.replace(b"KEY=", b"DB_PASSWORD=")
    assert ask(plane, diff)[:1] == b"1"
    assert ask(plane, diff, project=plain)[:1] == b"0"
    known = file(b"/app/devvault.toml", b'[check]\nbaseline = "b"\n')
    assert ask(plane, diff, project=known) == b"baseline\0b"
    with pytest.raises(WrongUse):
        ask(plane, diff, project=known, baseline=file(b"/app/b", b"{}"))
    with pytest.raises(Invalid):
        ask(plane, diff, project=file(b"/app/devvault.toml", b'[check]\nrules = ["r.toml"]\n'))
    with pytest.raises(WrongUse):
        ask(plane, diff, project=file(b"/app/devvault.toml", b"nonsense = 1\n"))


def test_what_needs_git_and_a_locked_home_are_refused(plane):
    binary = (
        b":000000 100644 0000000 1234567 A\ta.bin\n\nBinary files /dev/null and b/a.bin differ\n"
    )
    with pytest.raises(Unavailable):
        ask(plane, binary)
    plane.keeper.lock()
    with pytest.raises(Locked):
        ask(plane)


@pytest.mark.parametrize(
    "body",
    [b"", b"/app", b"/app\0", b"/app\0a\0", b"/app\0a\0x\0", b"/app\0\0000\0a\0999\0x",
     b"app\0\0000\0\0000\0", b"/a/../b\0\0000\0\0000\0", b"/app\0\0-1\0", b"\0\0000\0\0000\0"],
)  # fmt: skip
def test_bad_bodies_are_refused(plane, body):
    with pytest.raises(Invalid):
        ROUTES["POST", "/local/check"].handle(plane.plane, Ask({}, body))


PIECES = st.sampled_from(
    [b":000000 100644 0 1 A\tx\n", b"diff --git a/x b/x\n", b"+++ b/x\n", b"@@ -0,0 +1,9 @@\n",
     b"@@@ -1 -1 +1,2 @@@\n", b"+x\n", b"-x\n", b" x\n", b"\\ No\n", b"\n", b"\x01c\n", b"\0",
     b"@@", b'+++ "b/\\n', b"+++ /dev/null\n", b"Binary files a\n",
     b"+KEY=" + VALUE.encode() + b"\n"]
)  # fmt: skip


@settings(max_examples=150)
@given(diff=st.lists(PIECES | st.binary(max_size=12), max_size=24))
def test_no_diff_makes_it_stumble(plane, diff):
    try:
        body = ask(plane, b"".join(diff))
    except DevvaultError:
        return
    assert body.split(b"\0")[0] in (b"0", b"1")
    assert VALUE.encode() not in body
