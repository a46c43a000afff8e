"""What every format of settings files keeps to; a new format is tested by being in the register."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devvault.errors import Conflict, DevvaultError, Invalid, NotFound
from devvault.settingsfiles.base import FORMATS, SettingsFile, get_format

# A file of each format with A = "one", B = "two" and something that only a reader of bytes sees.
SAMPLES = {
    "dotenv": b"\xef\xbb\xbf# top\r\nA=one # why\r\n\r\nexport B='two'\r\n# end",
    "json": (
        b'\xef\xbb\xbf// top\r\n{"N": 1,\r\n "A": "one", /* why */\r\n\r\n "B": "two",}\r\n'
        b"// end"
    ),
    "localsettings": (
        b'{"IsEncrypted": false,\n  "Values": {\n    "A": "one", // why\n    "B" : "two"\n  }}'
    ),
    "toml": b"\xef\xbb\xbf# top\r\nn = 1\r\nA = \"one\" # why\r\n\r\nB = 'two'\r\n[t] # end",
    "yaml": (
        b"\xef\xbb\xbf# top\r\nservices:\r\n  web:\r\n    environment:\r\n      A: one # why\r\n"
        b"\r\n      B: 'two' # end\r\n    image: x"
    ),
}  # fmt: skip
NAMES = sorted(FORMATS)
VALUES = st.one_of(
    st.text(max_size=12), st.sampled_from(["@Microsoft.KeyVault(VaultName=v;SecretName=s)", "${A}"])
)


@pytest.fixture(params=NAMES)
def form(request) -> tuple[SettingsFile, bytes]:
    return get_format(request.param), SAMPLES[request.param]


def values(file: SettingsFile, data: bytes) -> dict[str, str | None]:
    return {s.key: s.value for s in file.read(data) if s.error is None}


def test_it_reads_in_order_with_places(form):
    file, data = form
    settings = file.read(data)
    assert [(s.key, s.value) for s in settings] == [("A", "one"), ("B", "two")]
    assert [s.line for s in settings] == sorted(s.line for s in settings)
    for setting in settings:
        assert (setting.value or "").encode() in data[setting.offset_start : setting.offset_end]


@pytest.mark.parametrize("name", NAMES)
@given(value=VALUES)
def test_a_change_reads_back_and_touches_nothing_else(name, value):
    file, data = get_format(name), SAMPLES[name]
    first, second = file.read(data)
    try:
        changed = file.rewrite(data, {"A": value})
    except Invalid:
        return
    assert values(file, changed) == {"A": value, "B": "two"}
    assert changed.startswith(data[: first.offset_start])
    assert changed.endswith(data[first.offset_end :])
    assert file.rewrite(data, {}) == data
    assert second.value == "two"


@pytest.mark.parametrize("name", NAMES)
@given(value=VALUES)
def test_an_addition_reads_back(name, value):
    file, data = get_format(name), SAMPLES[name]
    try:
        longer = file.append(data, "NEW", value)
    except Invalid:
        return
    assert values(file, longer) == {"A": "one", "B": "two", "NEW": value}


def test_refusals(form):
    file, data = form
    with pytest.raises(NotFound):
        file.rewrite(data, {"C": "x"})
    with pytest.raises(Conflict):
        file.append(data, "A", "x")
    for key in ("", "a b", "a=b", "$(id)"):
        with pytest.raises(Invalid):
            file.append(data, key, "x")


@pytest.mark.parametrize("name", NAMES)
@given(data=st.binary(max_size=80))
def test_any_bytes_are_read_or_invalid(name, data):
    try:
        settings = get_format(name).read(data)
    except DevvaultError as error:
        assert isinstance(error, Invalid)  # nothing else may come
        return
    for setting in settings:
        assert 0 <= setting.offset_start <= setting.offset_end <= len(data)
