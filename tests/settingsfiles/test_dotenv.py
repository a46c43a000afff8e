"""`.env` reading and rewriting: python-dotenv is the judge of values, bytes of everything else."""

from __future__ import annotations

import io

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from devvault.errors import Conflict, Invalid, NotFound
from devvault.settingsfiles.base import Setting, get_format
from devvault.settingsfiles.dotenv import DotenvFile
from devvault.settingsfiles.quoting import quoted

ENV = DotenvFile()

# Pieces that, thrown together, reach every branch of the parser.
PIECES = st.sampled_from(
    [
        "A", "B", "KEY", "x", "=", "==", " = ", "'", '"', "\\", "\\'", '\\"', "\\n", "\n", "\r\n",
        "\r", " ", "\t", "#", " # c", " # devvault: allow r", "export ", "${A}", "$(id)", ";", "é",
        "\ufeff", "\x0b", "\u2028", "\x85", "-----BEGIN-----",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=30).map("".join)
NAMES = st.from_regex(r"[A-Z_][A-Z0-9_]{0,5}", fullmatch=True)
VALUES = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
        st.sampled_from("'\"\\$`{}#= \n\t\r"),
    ),
    max_size=12,
).filter(lambda v: not ("\r" in v and "${" in v))


def read(text: str) -> list[Setting]:
    return ENV.read(text.encode())


def one(text: str) -> Setting:
    [setting] = read(text)
    return setting


def test_the_register_knows_the_format():
    assert isinstance(get_format("dotenv"), DotenvFile)


@pytest.mark.parametrize(
    ("text", "key", "value", "quote"),
    [
        ("A=b", "A", "b", ""),
        ("A = b", "A", "b", ""),
        ("A=b # comment", "A", "b", ""),
        ("A=b#no comment", "A", "b#no comment", ""),
        ("A=#value", "A", "#value", ""),
        ("A= # comment", "A", "", ""),
        ("A=", "A", "", ""),
        ("A", "A", None, ""),
        ("A='b c'", "A", "b c", "'"),
        ("A='it\\'s'", "A", "it's", "'"),
        ('A="b\\nc"', "A", "b\nc", '"'),
        ('A="b\nc"', "A", "b\nc", '"'),
        ('A="b\r\nc"', "A", "b\nc", '"'),
        ("'A'=b", "A", "b", ""),
        ("export A=b", "A", "b", ""),
        ("A.B-C:D=b", "A.B-C:D", "b", ""),
        ("A==", "A", "=", ""),
        ("A=@Microsoft.KeyVault(VaultName=v;SecretName=s)", "A",
         "@Microsoft.KeyVault(VaultName=v;SecretName=s)", ""),
    ],
)  # fmt: skip
def test_reads_as_python_dotenv_does(text, key, value, quote):
    setting = one(text)
    assert (setting.key, setting.value, setting.quote) == (key, value, quote)
    assert setting.error is None
    assert dotenv_values(stream=io.StringIO(text.replace("\r\n", "\n")), interpolate=False) == {
        key: value
    }


def test_says_line_export_and_place():
    data = b"\xef\xbb\xbf# top\r\n\r\nexport \xc3\x84=1\r\nB='x' # c\r\n"
    first, second = ENV.read(data)
    assert (first.key, first.line, first.export) == ("Ä", 3, True)
    assert data[first.offset_start : first.offset_end] == b"1"
    assert (second.line, second.export) == (4, False)
    assert data[second.offset_start : second.offset_end] == b"'x'"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a;touch x=1", "NAME=VALUE"),
        ("a;touch=1", "shell"),
        ("$(id)=1", "shell"),
        ("`id`=1", "shell"),
        ("'a b'=1", "white space"),
        ("'a=b'=1", "equals"),
        ("'a\x1b[2J'=1", "control"),
        ("=1", "missing"),
        (' = "x"', "missing"),
        ("A='open", "quotes"),
        ('A="x" y', "quotes"),
        ("A B", "NAME=VALUE"),
        ("\ufeffA=1\n\ufeffB=2".replace("\ufeff", "\u200b"), "control"),
    ],
)
def test_an_unusable_line_is_told_and_does_not_stop_the_rest(text, word):
    settings = read(f"FIRST=1\n{text}\nLAST=2\n")
    assert settings[0].key == "FIRST"
    assert settings[-1].key == "LAST"
    [bad, *_] = [s for s in settings if s.error]
    assert word in bad.error
    assert bad.line == 2
    assert "touch" not in bad.error
    assert "open" not in bad.error


def test_a_key_out_of_a_broken_value_is_not_repeated():
    # The middle lines of a quoted key whose end is missing are parsed as names.
    [_, second] = read('K="-----BEGIN\nc2VjcmV0;c2VjcmV0==\n')
    assert second.error is not None
    assert "c2Vj" not in second.error


@pytest.mark.parametrize(
    ("data", "line"),
    [(b"A=1\nB=\0\n", 2), (b"\0", 1), (b"A=1\r\nB=2\r\nC=\xff\xfe", 3), (b"\xff\xfeA\0", 1)],
)
def test_nul_and_invalid_text_name_the_line(data, line):
    with pytest.raises(Invalid, match=f"line {line} "):
        ENV.read(data)


def test_the_later_of_two_wins_and_the_earlier_says_so():
    first, second, other = read("A=1\nA=2\nB=3\n")
    assert "line 2" in first.note
    assert (second.note, other.note) == (None, None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("A=b # devvault: allow public test key", "public test key"),
        ("A='b' # devvault: allow ok ", "ok"),
        ("A=b   #devvault:allow ok", "ok"),
        ("A= # devvault: allow empty", "empty"),
        ("A # devvault: allow none", "none"),
        ("A=b # note # devvault: allow ok", "ok"),
        ("A=b# devvault: allow part of the value", None),
        ("A='b # devvault: allow inside'", None),
        ("A=b # devvault: allowed", None),
        ("A=b", None),
    ],
)
def test_the_allow_mark(text, reason):
    assert one(text).allow_reason == reason


def test_an_allow_mark_without_a_reason_does_not_count():
    setting = one("A=b # devvault: allow")
    assert setting.allow_reason is None
    assert "no reason" in setting.note


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"A=1\n", b"A=new\n"),
        (b"A=1", b"A=new"),
        (b"A=1\r\nB=2\r\n", b"A=new\r\nB=2\r\n"),
        (b"\xef\xbb\xbfA=1\n", b"\xef\xbb\xbfA=new\n"),
        (b"# c\n\nexport A = 1   # why\n#end", b"# c\n\nexport A = new   # why\n#end"),
        (b"A='1' # c\n", b"A='new' # c\n"),
        (b'A="1\n2"\nB=3\n', b'A="new"\nB=3\n'),
        (b"A= # c\n", b"A=new # c\n"),
        (b"A\n", b"A=new\n"),
        (b"A  # c\n", b"A=new  # c\n"),
        (b"A=1\nA=2\n", b"A=new\nA=new\n"),
        (b"A#c\n", b"A='new'#c\n"),
        (b"A='1'#c\n", b"A='new'#c\n"),
        (b"\xc3\xa9=\xc3\xa9\nA=1\n", b"\xc3\xa9=\xc3\xa9\nA=new\n"),
    ],
)
def test_rewrite_keeps_every_other_byte(before, after):
    assert ENV.rewrite(before, {"A": "new"}) == after


def test_rewrite_of_a_name_that_is_not_there():
    with pytest.raises(NotFound):
        ENV.rewrite(b"A=1\n", {"B": "2"})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b"K=v\n"),
        (b"A=1\n", b"A=1\nK=v\n"),
        (b"A=1", b"A=1\nK=v"),
        (b"A=1\r\n", b"A=1\r\nK=v\r\n"),
        (b"A=1\r\nB=2", b"A=1\r\nB=2\r\nK=v"),
        (b"\xef\xbb\xbf", b"\xef\xbb\xbfK=v\n"),
        (b"# c", b"# c\nK=v"),
    ],
)
def test_append_speaks_the_files_own_line_ends(before, after):
    assert ENV.append(before, "K", "v") == after


def test_append_refuses_what_would_not_read_back():
    with pytest.raises(Conflict):
        ENV.append(b"K=1\n", "K", "v")
    with pytest.raises(Invalid):
        ENV.append(b"", "a;b", "v")
    with pytest.raises(Invalid, match="open quote"):
        ENV.append(b'A="open', "K", 'it\'s "x"')


@given(TEXTS)
def test_values_are_python_dotenvs(tmp_path_factory, text):
    data = text.encode()
    path = tmp_path_factory.getbasetemp() / "x.env"
    path.write_bytes(data)
    expected = dotenv_values(path, interpolate=False)
    ours = {s.key: s.value for s in ENV.read(data) if s.key}
    if text.startswith("\ufeff\ufeff"):
        return  # two byte order marks: what the second belongs to is nobody's promise
    assert ours == dict(expected)


@given(TEXTS)
def test_every_place_holds_its_value(text):
    data = text.encode()
    for setting in ENV.read(data):
        if setting.error is None and setting.value is not None:
            written = data[setting.offset_start : setting.offset_end].decode()
            assert written[:1] == setting.quote or not setting.quote
            if not setting.quote:
                assert written == setting.value


@given(TEXTS, VALUES)
def test_rewrite_changes_only_the_value(text, value):
    data = text.encode()
    settings = [s for s in ENV.read(data) if s.error is None]
    if not settings:
        return
    key = settings[0].key
    try:
        changed = ENV.rewrite(data, {key: value})
    except Invalid:
        assert "'" in text or '"' in text  # an open quote would swallow what is written behind it
        return
    again = [s for s in ENV.read(changed) if s.error is None]
    assert [s.key for s in again] == [s.key for s in settings]
    for before, after in zip(settings, again, strict=True):
        assert after.value == (value if after.key == key else before.value)
        assert after.allow_reason == before.allow_reason
    written, done = b"", 0
    for setting in settings:
        if setting.key == key:
            tight = setting.value is None and data[setting.offset_end :].startswith(b"#")
            equals = b"=" if setting.value is None else b""
            new = quoted(value, prefer="'" if tight else setting.quote).encode()
            written += data[done : setting.offset_start] + equals + new
            done = setting.offset_end
    assert changed == written + data[done:]


@given(st.lists(st.tuples(NAMES, VALUES), max_size=5, unique_by=lambda pair: pair[0]))
def test_what_is_appended_reads_back(pairs):
    data = b""
    for key, value in pairs:
        data = ENV.append(data, key, value)
    assert [(s.key, s.value) for s in ENV.read(data)] == pairs


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_invalid(data):
    try:
        settings = ENV.read(data)
    except Invalid as error:
        message = error.message
    else:
        message = "line 1"
        assert all(0 <= s.offset_start <= s.offset_end <= len(data) for s in settings)
    assert "line " in message


@pytest.mark.parametrize("line", [b"A=b" + b" " * 200_000 + b"c", b"A=" + b"\t" * 600 + b"c"])
def test_a_run_of_blanks_cannot_stall_the_reader(line):
    with pytest.raises(Invalid, match="line 2 holds over 512 blanks"):
        ENV.read(b"B=1\r\n" + line + b"\r\n")


def test_a_large_file_is_read_in_one_pass():
    data = b"".join(b"KEY_%d=value # comment\n" % i for i in range(3000))
    settings = ENV.read(data)
    assert len(settings) == 3000
    assert settings[-1].line == 3000
