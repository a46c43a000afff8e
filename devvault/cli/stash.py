"""What an import lays by, from the terminal's side: the file as it was, and its way back."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path

from devvault.cli.planes import Planes
from devvault.cli.privatefile import replace_keeping_mode
from devvault.cli.project import Place, read_settings
from devvault.cli.reply import Body, table, text
from devvault.errors import Conflict, Damaged, Invalid, NotFound
from devvault.settingsfiles.base import Setting, get_format


def lay_by(
    planes: Planes, path: Path, data: bytes, changed: bytes, changes: Mapping[str, str]
) -> str:
    """Keep a file's bytes sealed in the home before `changed` takes their place; return the id."""
    body = {
        "file": str(path),
        "data": base64.b64encode(data).decode(),
        "after": hashlib.sha256(changed).hexdigest(),
        "changes": dict(changes),
    }
    return text(planes.local("POST", "/local/stash", body), "id")


def drop(planes: Planes, path: Path, id: str) -> None:
    """Remove what was laid by."""
    planes.local("POST", "/local/stash/remove", {"file": str(path), "id": id})


def undo(planes: Planes, place: Place, path: Path, form: str) -> str:
    """Bring a file back as it was before its last import; return what was done, in a sentence.

    A file that was edited since keeps its edits: only the settings that still hold the reference
    which the import wrote get their old value.

    Raises:
        NotFound: no import of the last 30 days rewrote it.
        Conflict: it was edited so that nothing of the import is left, or cannot be taken back.
    """
    data = read_settings(path, place.folder)
    real = path.resolve()
    try:
        kept = planes.local("POST", "/local/stash/open", {"file": str(real)})
    except NotFound as error:
        raise NotFound(f"no import of the last 30 days rewrote {path}", code="NoStash") from error
    before = base64.b64decode(text(kept, "data"))
    if hashlib.sha256(data).hexdigest() == text(kept, "after"):
        back, done = before, f"{path} is as it was"
    else:
        back, count = _restored(path, data, before, kept, form)
        settings = "setting" if count == 1 else "settings"
        done = f"{path} was edited since; {count} {settings} got the old value back"
    replace_keeping_mode(real, back, expected=data)
    drop(planes, real, text(kept, "id"))
    return f"{done}; the secrets stay in the vault"


def _restored(path: Path, data: bytes, before: bytes, kept: Body, form: str) -> tuple[bytes, int]:
    """Return the edited file with the old values where the import's references still stand."""
    changes = {key: str(value) for key, value in table(kept, "changes").items()}
    refusal = Conflict(
        f"{path} was edited since its import so that it cannot be taken back",
        hint=f"take the edits back, then: devvault import --undo {path}",
    )
    try:
        now = [one for one in get_format(form).read(data) if one.error is None]
        then = [one for one in get_format(form).read(before) if one.error is None]
    except Invalid as error:
        raise refusal from error
    old = {one.key: one for one in then}
    waiting = [one for one in now if one.key in old and one.value == changes.get(one.key, object())]
    if not waiting:
        raise refusal
    pieces: list[bytes] = []
    done = 0
    for one in sorted(waiting, key=lambda setting: setting.offset_start):
        was = old[one.key]
        pieces += [data[done : one.offset_start], before[was.offset_start : was.offset_end]]
        done = one.offset_end
    back = b"".join([*pieces, data[done:]])
    restored = {one.key for one in waiting}
    wanted = [(one.key, old[one.key].value if one.key in restored else one.value) for one in now]
    if _values(form, back) != wanted:
        raise refusal
    return back, len(restored)


def _values(form: str, data: bytes) -> list[tuple[str, str | None]]:
    try:
        found: list[Setting] = get_format(form).read(data)
    except Invalid as error:
        raise Damaged("the file would not read any more") from error
    return [(one.key, one.value) for one in found if one.error is None]
