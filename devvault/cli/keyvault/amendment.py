"""az's generic update: `--set`, `--add` and `--remove` on an object as it was fetched.

The rules are those of az's own core: paths are dotted, `[0]` and `[key=value]` choose from a list,
values are read as JSON where they are JSON, names may be written as `snake_case` too.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
from collections.abc import Sequence
from copy import deepcopy
from typing import NamedTuple, TypeAlias

from devvault.cli import say
from devvault.cli.reply import Body
from devvault.errors import WrongUse

Json: TypeAlias = object

_STEP = re.compile(r"\[[^\]]*\]|[^.\[\]]+")
_PATH = re.compile(rf"(?:{_STEP.pattern})(?:\.?\[[^\]]*\]|\.[^.\[\]]+)*")
_AGAIN = re.compile(r"_([a-z])")
# What has names of the user's own choice.
_FREE = frozenset({"tags"})


class Amendment(NamedTuple):
    """One change: `set`, `add` or `remove`, and the words behind the flag."""

    kind: str
    words: list[str]


class _InOrder(argparse.Action):
    """Keeps the changes of all three flags in the order they were typed in."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[object] | None,
        option_string: str | None = None,
    ) -> None:
        words = [str(word) for word in values or ()]
        kind = (option_string or "").lstrip("-")
        namespace.amendments = [*(namespace.amendments or []), Amendment(kind, words)]


def add_amendments(parser: argparse.ArgumentParser) -> None:
    """Add `--set`, `--add`, `--remove` and `--force-string`."""
    group = parser.add_argument_group("generic update")
    for flag, metavar, words in (
        ("--set", "PATH=VALUE", "set a property: --set properties.publicNetworkAccess=Disabled"),
        ("--add", "PATH VALUE", "add to a list: --add LIST key=value, or JSON"),
        ("--remove", "PATH [INDEX]", "remove a property, or an item of a list by its index"),
    ):
        group.add_argument(
            flag,
            nargs="+",
            action=_InOrder,
            dest="amendments",
            default=None,
            metavar=metavar,
            help=words,
        )
    group.add_argument(
        "--force-string", action="store_true", help="keep values as they are typed, JSON or not"
    )


def amended(args: argparse.Namespace, whole: Body) -> Body:
    """Return an object with the changes that the flags ask for.

    Raises:
        WrongUse: a path that leads nowhere, or words that make no change.
    """
    result = deepcopy(whole)
    changes: list[Amendment] = args.amendments or []
    for change in changes:
        if change.kind == "set":
            for word in change.words:
                _set(result, word, as_typed=args.force_string)
        elif change.kind == "add":
            _add(result, change.words, as_typed=args.force_string)
        else:
            _remove(result, change.words)
    return result


def _set(root: Body, word: str, *, as_typed: bool) -> None:
    path, equals, text = word.partition("=")
    while equals and path.count("[") > path.count("]"):  # the sign belongs to [key=value]
        more, equals, text = text.partition("=")
        path = f"{path}={more}"
    if not equals or not path.strip():
        raise _wrong("set", "--set PATH=VALUE")
    *way, last = _steps(path, "set")
    place = _find(root, way, make={})
    value: Json = text if as_typed else _parsed(text)
    if isinstance(place, list):
        at = _index(place, last)
        place[at] = value
        return
    if not isinstance(place, dict):
        raise _nowhere(last, way, place)
    place[_key(place, last, way)] = value


def _add(root: Body, words: list[str], *, as_typed: bool) -> None:
    steps = _steps(words[0], "add")
    place = _find(root, steps, make=[])
    if not isinstance(place, list) or len(words) < 2:
        raise _wrong("add", "--add LIST key=value, where LIST is a list")
    entry: dict[str, Json] = {}
    for word in words[1:]:
        key, equals, text = word.partition("=")
        if equals and not word.startswith(("{", "[", '"')):
            entry[key] = text
            continue
        if entry:
            place.append(entry)
            entry = {}
        place.append(word if as_typed else _parsed(word))
    if entry:
        place.append(entry)


def _remove(root: Body, words: list[str]) -> None:
    steps = _steps(words[0], "remove")
    if len(words) > 2:
        raise _wrong("remove", "--remove LIST INDEX, or --remove PROPERTY")
    if len(words) == 2:
        place = _find(root, steps)
        if not isinstance(place, list) or not words[1].lstrip("-").isdigit():
            raise _wrong("remove", "--remove LIST INDEX, or --remove PROPERTY")
        del place[_index(place, f"[{words[1]}]")]
        return
    *way, last = steps
    place = _find(root, way)
    if isinstance(place, list):
        del place[_index(place, last)]
        return
    if not isinstance(place, dict):
        raise _nowhere(last, way, place)
    key = _key(place, last, way)
    if key not in place:
        raise _nowhere(last, way, place)
    if way and way[-1] in _FREE:
        del place[key]
    else:
        place[key] = None


def _find(root: Json, steps: Sequence[str], *, make: Json = None) -> Json:
    """Return what a path leads to; the last of it is made where it is null and `make` is given."""
    place = root
    for number, step in enumerate(steps):
        if isinstance(place, list):
            place = place[_index(place, step)]
            continue
        if not isinstance(place, dict):
            raise _nowhere(step, steps[:number], place)
        key = _key(place, step, steps[:number])
        if place.get(key) is None:
            if make is None:
                raise _nowhere(step, steps[:number], place)
            place[key] = deepcopy(make) if number == len(steps) - 1 else {}
        place = place[key]
    return place


def _key(place: dict[str, Json], step: str, way: Sequence[str]) -> str:
    """Return the name of a member; one that the object cannot have is refused."""
    if step.startswith("["):
        raise _nowhere(step, way, place)
    if way and way[-1] in _FREE:
        return step
    camel = _AGAIN.sub(lambda found: found[1].upper(), step)
    known = {name.lower(): name for name in place}
    found = known.get(step.lower()) or known.get(camel.lower())
    if found is None and place:
        raise _nowhere(step, way, place)
    return found or camel


def _index(place: list[Json], step: str) -> int:
    word = step.removeprefix("[").removesuffix("]")
    key, equals, value = word.partition("=")
    if not step.startswith("["):
        raise WrongUse(
            f"a list is chosen from by [INDEX] or [KEY=VALUE], not by '{say.printable(step)}'",
            hint="devvault help az",
        )
    if equals:
        found = [
            at for at, one in enumerate(place) if isinstance(one, dict) and one.get(key) == value
        ]
        if len(found) == 1:
            return found[0]
        many = "several items have" if found else "no item has"
        raise WrongUse(f"{many} the {say.printable(key)} '{say.printable(value)}'")
    if word.lstrip("-").isdigit() and -len(place) <= int(word) < len(place):
        return int(word)
    raise WrongUse(f"index {say.printable(word)} does not exist: the list has {len(place)} items")


def _steps(path: str, kind: str) -> list[str]:
    if _PATH.fullmatch(path) is None:
        raise _wrong(kind, f"--{kind} properties.NAME ...")
    return [str(step) for step in _STEP.findall(path)]


def _parsed(text: str) -> Json:
    for parse in (json.loads, ast.literal_eval):
        try:
            found: Json = parse(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        return found
    return text


def _nowhere(step: str, way: Sequence[str], place: Json) -> WrongUse:
    known = ", ".join(sorted(place)) if isinstance(place, dict) else "none"
    where = ".".join(way) or "the object"
    return WrongUse(
        f"couldn't find '{say.printable(step)}' in '{say.printable(where)}'."
        f" Available options: {known}",
        hint="devvault help az",
    )


def _wrong(kind: str, right: str) -> WrongUse:
    return WrongUse(f"incorrect usage of --{kind}: the syntax is {right}", hint="devvault help az")
