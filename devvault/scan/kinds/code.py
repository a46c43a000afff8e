"""Source code, whatever the language: string literals, and the names that they stand under.

A language is a Dialect: how its strings are written. Names are found before an assignment, in a
call's first argument, in front of a default, or as the call that sets them. No language is parsed
as a whole: a line is enough, and a file that is half written is read like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from devvault.scan.kinds.base import Pair, Place, Spans

LONGEST = 16_384  # characters of one literal
_MOST_PARTS = 64  # literals that are joined to one value

_DOUBLE = rf'"(?P<double>(?:[^"\\\n]|\\[^\n]){{0,{LONGEST}}})"'
_SINGLE = rf"'(?P<single>(?:[^'\\\n]|\\[^\n]){{0,{LONGEST}}})'"
_TICKED = rf"`(?P<ticked>[^`]{{0,{LONGEST}}})`"
_LONG = (
    rf'"""(?P<long>(?:[^"\\]|\\[\s\S]|"(?!"")){{0,{LONGEST}}})"""'
    rf"|'''(?P<longs>(?:[^'\\]|\\[\s\S]|'(?!'')){{0,{LONGEST}}})'''"
)
_VERBATIM = rf'(?:@\$?|\$@)"(?P<verbatim>(?:[^"]|""){{0,{LONGEST}}})"'
_DOUBLED = rf"'(?P<doubled>(?:[^'\n]|''){{0,{LONGEST}}})'"
_GRAVE = rf'"(?P<grave>(?:[^"`\n]|`[^\n]){{0,{LONGEST}}})"'

_NAME = (
    r"(?:(?<![\w.$-])(?P<name>[A-Za-z_$@-][\w$-]{0,80}(?:(?:\.|::|->|\?\.|:)[A-Za-z_$][\w$-]{0,80}){0,8})"
    r"|(?P<q>[\"'`])(?P<quoted>[A-Za-z_$@:.-][\w $.:/@-]{0,100})(?P=q))"
)
_OPERATOR = (
    r"(?P<op>\]?\)?\s*(?::=|=>|[!=]==?|\|\|=|\?\?=|\+=|<-|=|:)\s*"
    r"|\??\s*:\s*[A-Za-z_&\[][\w.<>\[\]|?,&' ]{0,48}?\s*=\s*"
    r"|[^\S\n]+(?P<late>[A-Za-z_$][\w\[\]?*]{0,80})[^\S\n]*=\s*"
    r"|[^\S\n]*\{[^{}\n]{0,60}\}[^\S\n]*=\s*"
    r"|\)?\]?\)?\s*(?:\|\||\?\?|\bor\b)\s*"
    r"|(?:\s+as\s+\w+)?\s*,\s*"
    r"|\s*\(\s*"
    r"|[^\S\n]+)"
)
# Calls around a literal that leave it what it is, or say even louder that it is a secret.
_WRAPPER = (
    r"(?P<wrap>(?:await\s+|new\s+|&)?(?:[\w.]{1,40}(?:\.|::))?(?:SecretStr|SecretString|SecureString"
    r"|SecretValue|Secret|Password|String|str|bytes|bytearray|Some|Buffer\.from|from|b64decode"
    r"|base64_decode|atob|FromBase64String|GetBytes|unsafePlainText|ToSecureString|Optional\.of|Uri"
    r"|ByteString|Bytes|of|to_string|quote|AzureKeyCredential|AzureSasCredential|char\[\]"
    r"|\[\]byte|SecureValue|Redacted|Just)?\(\s*|\[\s*|\(\s*|ConvertTo-SecureString\s+(?:-String\s+)?)?"
)
_PREFIX = r"(?P<prefix>[bBrRuUfFNLsS$]{0,3})"
_CREDENTIAL = (
    r"(?P<maker>(?:(?<![\w])[\w.]{0,40}(?:[Cc]redentials?|[Bb]asic_?[Aa]uth|login|Login|authenticate"
    r"|Authenticate|BasicAuthHandler|PlainAuth|auth)|(?<![\w])auth\s*[=:])\s*[(\[]\s*"
    r"(?:[\"'`][^\"'`\n]{0,100}[\"'`]|[\w.]{1,60})\s*,\s*)"
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a language writes strings.

    `joins` are the operators between two literals of one value, "" for none needed. `hole` finds
    what is filled in at run time in a literal of `filled` (prefixes, or quotes).
    """

    strings: str
    joins: str = r"\+"
    filled: str = ""
    hole: str = r"\{[^{}\n]{0,200}\}"
    escape: str = "\\"


PYTHON = Dialect(f"{_LONG}|{_DOUBLE}|{_SINGLE}", r"\+|\\|", filled="fF")
JAVASCRIPT = Dialect(f"{_DOUBLE}|{_SINGLE}|{_TICKED}")
CSHARP = Dialect(f"{_LONG}|{_VERBATIM}|{_DOUBLE}", r"\+|&", filled="$")
JAVA = Dialect(f"{_LONG}|{_DOUBLE}|{_SINGLE}")
GO = Dialect(f"{_DOUBLE}|{_TICKED}")
RUBY = Dialect(f"{_DOUBLE}|{_SINGLE}", r"\+|\\|<<")
PHP = Dialect(f"{_DOUBLE}|{_SINGLE}", r"\.")
CLIKE = Dialect(f"{_LONG}|{_DOUBLE}|{_SINGLE}", r"\+|")
POWERSHELL = Dialect(f"{_GRAVE}|{_DOUBLED}", escape="`")
HCL = Dialect(_DOUBLE, joins=r"\+")
BICEP = Dialect(f"{_LONG}|{_SINGLE}", joins=r"\+")

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "f": "\f"}
_TELLS = re.compile(
    r"(?i)(?:password|pwd|key|secret|sig|token|code)\s{0,2}=\s{0,2}[^;,&\s]|://[^/\s:@]*:[^/\s@]+@"
)
_TYPES = re.compile(
    r"(?i)(?:secure|const|static)?(?:string|str|text|char|bytes?|any|object|auto)[\[\]*?]*"
)
# A call that only asks for the thing that its argument names, or tells somebody about it.
_ASKS = re.compile(
    r"(?i)(?:^|[._:>])_?(?:get|fetch|read|find|load|lookup|look_up|resolve|has|is|check|verify"
    r"|validate|hash|encrypt|require|describe|it|test|delete|remove|list|on|by|query|parse|decode"
    r"|generate|gen|make|create|assert|expect|log|print|throw|raise|error|warn|info|debug|input"
    r"|prompt|ask|format|render|show|label|field|click|fill|wait|contains|starts|ends|equals|env"
    r"|getenv|param|variable|var|open|path|select|bind|return|new|register|column|mask|redact|pop"
    r"|need|decrypt|compare|match|count|split|build|request|refresh|revoke|consume|next|expected"
    r"|skip|tokenize|each|with_?name|from)(?![a-z])"
)


@cache
def _assigned(dialect: Dialect) -> re.Pattern[str]:
    string = f"{_PREFIX}(?:{dialect.strings})"
    return re.compile(f"(?:{_CREDENTIAL}|{_NAME}{_OPERATOR}{_WRAPPER}){string}")


@cache
def _more(dialect: Dialect) -> re.Pattern[str]:
    return re.compile(rf"\s{{0,200}}(?:{dialect.joins})\s{{0,200}}{_PREFIX}(?:{dialect.strings})")


def read_code(text: str, spans: Spans, dialect: Dialect) -> Iterator[Pair]:
    """Return the literals that stand under a name, on the lines given."""
    done = 0
    pattern = _assigned(dialect)
    for first, last in spans:
        stop = min(len(text), last + LONGEST)
        for word in words_in(text, first, last):
            if word < done:
                continue
            # A whole name first (`db.password`), then what is behind its last separator.
            for at in _starts(text, max(first, done), word):
                match = pattern.match(text, at, stop)
                if match is None:
                    continue
                pair, behind = _pair(text, match, dialect, stop)
                if pair is not None:
                    yield pair
                    done = behind
                break


def words_in(text: str, first: int, last: int) -> Iterator[int]:
    """Return where in a part of a text words stand that a secret's name may hold."""
    if all(text.find(mark, first, last + _FAR) < 0 for mark in "\"'`"):
        return  # most lines hold no literal
    lowered = text[first:last].lower()
    if len(lowered) != last - first:
        lowered = text[first:last]
    for match in _word().finditer(lowered):
        yield first + match.start()


# What the names of secrets have in them, and what stands beside such a name.
WORDS_OF_NAMES = (
    "pass|pwd|secret|token|key|cred|conn|auth|salt|pepper|bearer|psk|dsn|cookie|signature|sas"
    "|pat|pfx|hmac|login|webhook|pw|pin|cert|otp|seed|mnemonic|licen[cs]e|value|default|storage"
    "|redis|session|jwt|contrase|database|mongo|bus|hub|cosmos|url|uri|client|account"
)


# What follows a name that a literal stands under; most words in code have nothing of it.
_TAIL = (
    r"[\w$.-]{0,60}[\"'`\])?]{0,4}\s{0,20}(?:(?:[:=,(?|<{\[&!+]|or\s|as\s)[^\n\"'`]{0,80}\n?\s{0,60}[\"'`]"
    r"|[a-z_$][\w\[\]?*]{0,60}\s{0,4}=\s{0,20}[@$a-z]{0,3}[\"'`]|[\"'`])"
)


_FAR = 256  # characters behind a line that such a literal begins within


@cache
def _word() -> re.Pattern[str]:
    # In lower case: to look for both cases at once takes ten times as long.
    words = WORDS_OF_NAMES.replace("licen[cs]e", "licence|license").split("|")
    return re.compile(f"{factored(words)}(?={_TAIL})")


def factored(words: Iterable[str]) -> str:
    """Return a pattern of any of some words, a letter once: half the time of a plain list."""
    by_first: dict[str, list[str]] = {}
    for word in sorted(set(words)):
        by_first.setdefault(word[:1], []).append(word[1:])
    may_end = by_first.pop("", None) is not None
    parts = [
        first + (rest[0] if len(rest) == 1 else factored(rest)) for first, rest in by_first.items()
    ]
    return f"(?:{'|'.join(parts)}){'?' if may_end else ''}" if parts else ""


_NAME_MARKS = frozenset("_$.:->?@-/")


def _starts(text: str, first: int, word: int) -> Iterator[int]:
    at = own = word
    while at > first and (text[at - 1].isalnum() or text[at - 1] in _NAME_MARKS):
        at -= 1
        if own == at + 1 and (text[at].isalnum() or text[at] in "_$"):
            own = at
    while at < word and not (text[at].isalpha() or text[at] in "_$@-"):
        at += 1
    if at > first and text[at - 1] in "\"'`":
        yield at - 1
        return
    quote = -1
    if at > first and text[at - 1] == " ":
        quote = max(text.rfind(mark, max(first, at - 60), at) for mark in "\"'`")
    if quote >= 0 and text[quote + 1 : at].replace(" ", "").isalnum():
        yield quote  # "a name with blanks"
    yield at
    if own != at:
        yield own


def _pair(text: str, match: re.Match[str], dialect: Dialect, stop: int) -> tuple[Pair | None, int]:
    group = _body(match)
    start, end = match.span(group)
    value = _decoded(match, group, dialect)
    at = match.end()
    for _ in range(_MOST_PARTS):
        more = _more(dialect).match(text, at, stop)
        if more is None or "\n\n" in text[at : more.start("prefix")]:
            break
        if text[more.end() : more.end() + 8].lstrip()[:1] in (":", "="):
            break  # the name of the next one
        inside = _body(more)
        if _TELLS.search(more[inside]) and not _TELLS.search(value):
            start, end = more.span(inside)  # where of several lines the secret stands
        elif not _TELLS.search(value):
            end = more.end(inside)
        value += _decoded(more, inside, dialect)
        at = more.end()
    if match["maker"] is not None:
        if _ASKS.search(match["maker"].partition("(")[0].strip()):
            return None, match.start(group) - 1  # get_credential("service", "user")
        return Pair("password", value, start, end, Place.CODE), at
    key, is_name = (match["name"], True) if match["name"] else (match["quoted"], False)
    operator = match["op"].strip()
    if match["late"] and not _TYPES.fullmatch(match["late"]):
        key = match["late"]  # `String key =`, other than `key string =`
    follow = text[at : at + 24].lstrip(" \t")
    if not is_name and follow[:1] == ":" and operator in (",", "["):
        # The literal is a name of its own: {"a": x, "b": y}.
        return None, match.start(group) - 1
    if operator == "," and (is_name or not _opens_call(text, match.start())):
        return None, match.start(group) - 1
    if operator == "(" and (not is_name or follow[:1] == "," or _ASKS.search(key)):
        # getPassword("name", "default"), put("name", "value"): the value comes next.
        return None, match.start(group) - 1
    if operator == "" and not (is_name and (key.startswith("-") or "\n" not in match["op"])):
        return None, match.start(group) - 1
    if follow.startswith(("]", ")")) and operator in ("[", "(") and follow[1:3].lstrip()[:1] == "=":
        return None, match.start(group) - 1
    if key.lower() in _VALUES:
        key = _sibling(text, match.start(), match.end()) or key
    return Pair(key, value, start, end, Place.CODE), at


def _opens_call(text: str, at: int) -> bool:
    """Say whether a literal is the first thing in a call's or an initialiser's brackets."""
    return text[max(0, at - 40) : at].rstrip()[-1:] in ("(", "{")


_VALUES = frozenset({"value", "defaultvalue", "default", "val", "plaintext", "secretvalue"})
_SIBLING = re.compile(
    r"(?<![\w-])[\"']?(?:name|key|Name|Key)[\"']?\s*[:=]\s*[\"'`]([^\"'`\n]{1,100})[\"'`]"
)


def _sibling(text: str, start: int, end: int) -> str:
    """Return the name that stands beside a value in the same braces, "" for none."""
    first = max(text.rfind("{", max(0, start - 400), start), start - 400, 0)
    before = _SIBLING.findall(text[first:start])
    if before:
        return str(before[-1])
    last = text.find("}", end, end + 200)
    behind = _SIBLING.search(text, end, last if last >= 0 else end + 200)
    return behind[1] if behind is not None else ""


def _body(match: re.Match[str]) -> str:
    """Return the name of the group that holds the literal's text."""
    for name in ("double", "single", "ticked", "long", "longs", "verbatim", "doubled", "grave"):
        if match.re.groupindex.get(name) is not None and match[name] is not None:
            return name
    return "prefix"


def _decoded(match: re.Match[str], group: str, dialect: Dialect) -> str:
    body = match[group]
    prefix = match["prefix"]
    if group == "verbatim":
        body = body.replace('""', '"')
    elif group == "doubled":
        body = body.replace("''", "'")
    elif dialect.escape in body and group != "ticked" and not set(prefix) & set("rR"):
        body = unescaped(body, dialect.escape)
    if dialect.filled and (set(prefix) & set(dialect.filled) or group == "verbatim"):
        body = _hole(dialect.hole).sub(lambda hole: "$" + hole[0], body)
    return body


@cache
def _hole(source: str) -> re.Pattern[str]:
    return re.compile(source)


@cache
def _escape(mark: str) -> re.Pattern[str]:
    return re.compile(
        re.escape(mark) + r"(?:u\{?([0-9A-Fa-f]{4,6})\}?|x([0-9A-Fa-f]{2})|(\r?\n\s*)|([\s\S]))"
    )


def unescaped(body: str, mark: str = "\\") -> str:
    """Return a literal's text with its escapes undone; one that is none stays as it is."""
    if mark not in body:
        return body

    def undo(match: re.Match[str]) -> str:
        code = match[1] or match[2]
        if code:
            number = int(code, 16)
            return chr(number) if number < 0x110000 else match[0]
        if match[3] is not None:
            return ""
        return _ESCAPES.get(match[4], match[4])

    return _escape(mark).sub(undo, body)
