"""The verb table: finds the one verb asked for, imports that one alone, and tells its errors.

A verb whose module is not there yet is in no list, and using it is wrong use. Nothing that goes
wrong ends in a traceback: it could show a value.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

from devvault.errors import DevvaultError, Unresolved, WrongUse

VERBS = {
    "init": ("devvault.cli.init", "make a vault for the project in this folder"),
    "set": ("devvault.cli.set", "store a secret, and its reference in the env file"),
    "import": ("devvault.cli.importing", "move secrets of settings files into the vault"),
    "fill": ("devvault.cli.fill", "ask for the secrets that this home lacks"),
    "run": ("devvault.cli.run", "run a program with its settings resolved"),
    "env": ("devvault.cli.env", "print the resolved settings"),
    "resolve": ("devvault.cli.resolve", "print one resolved value"),
    "inject": ("devvault.cli.inject", "fill a template's references into a file"),
    "connect": ("devvault.cli.connect", "connect this shell's SDKs to the vaults here"),
    "disconnect": ("devvault.cli.disconnect", "give the shell back what it had before"),
    "az": ("devvault.cli.az", "run the real az against this home, for one command"),
    "mount": ("devvault.cli.mount", "run a program with its secrets as files"),
    "check": ("devvault.cli.check", "look for secrets in plaintext"),
    "allow": ("devvault.cli.allow", "let this folder resolve from a vault"),
    "lock": ("devvault.cli.lock", "drop every key from memory"),
    "unlock": ("devvault.cli.unlock", "open the vault again"),
    "rekey": ("devvault.cli.rekey", "encrypt every record anew under a new master key"),
    "recovery": ("devvault.cli.recovery", "add or remove the recovery key"),
    "backup": ("devvault.cli.backup", "write the whole home into one sealed file"),
    "restore": ("devvault.cli.restore", "bring a home back from a backup file"),
    "daemon": ("devvault.cli.daemon", "start, stop or look at the background process"),
    "access": ("devvault.cli.access", "say who may do what, and why"),
    "audit": ("devvault.cli.audit", "list, verify or export the trail"),
    "status": ("devvault.cli.status", "show the state of this home"),
    "completion": ("devvault.cli.completion", "print what makes a shell complete our words"),
    "doctor": ("devvault.cli.doctor", "find out what is wrong, and what to type"),
    "demo": ("devvault.cli.demo", "show the main job in a throw-away home"),
    "help": ("devvault.cli.help", "read the manual, a topic at a time"),
    "login": ("devvault.cli.azure.login", "there is nothing to log in to: says who you are"),
    "account": ("devvault.cli.azure.account", "the one subscription, in az's words"),
    "group": ("devvault.cli.azure.group", "resource groups, in az's words"),
    "keyvault": ("devvault.cli.keyvault.verbs", "vaults and their secrets, in az's words"),
    "ad": ("devvault.cli.azure.ad", "users, groups and service principals, in az's words"),
    "webapp": ("devvault.cli.azure.webapp", "apps and who they are, in az's words"),
    "identity": ("devvault.cli.azure.identity", "user-assigned identities, in az's words"),
    "role": ("devvault.cli.azure.role", "role assignments, in az's words"),
}
AZURE = frozenset({"login", "account", "group", "keyvault", "ad", "webapp", "identity", "role"})
LOCALE = "DEVVAULT_LC_CTYPE"
_LONGEST_LINE = 3000
_INTERRUPTED = 130
_NOBODY_READS = 141
_WRONG = 2


def main(args: Sequence[str]) -> int:
    """Do what the command line says and return the exit code."""
    _keep_three()
    try:
        code = _run(list(args))
        if sys.stdout is not None:
            sys.stdout.flush()
    except DevvaultError as error:
        return tell(error)
    except KeyboardInterrupt:
        if sys.stderr is not None and sys.stderr.isatty():
            sys.stderr.write("\n")  # a question may stand on this line
        return _INTERRUPTED
    except BrokenPipeError:
        _let_go_of_stdout()
        return _NOBODY_READS
    except UnicodeEncodeError:
        _say("error", "a word of the command line is not UTF-8 text")
        _say("hint", _help_of(args))
        return _WRONG
    except OSError as error:
        named = (
            f": {os.fsdecode(error.filename)}" if isinstance(error.filename, (str, bytes)) else ""
        )
        words = (error.strerror or type(error).__name__).lower()
        if error.errno == errno.EBADF and not named:
            words = "standard output is closed"
        _say("error", f"{words}{named}")
        _say("hint", _help_of(args))
        _give_up_stdout()
        return _WRONG
    except Exception as error:  # noqa: BLE001  # a traceback or its message could show a value
        _say("error", f"a defect of devvault: {_place(error)}")
        _say("hint", "devvault doctor")
        return _WRONG
    return code


def is_built(verb: str) -> bool:
    """Return whether a verb's module is in this version."""
    path = os.path.join(_packages(), *VERBS[verb][0].split("."))  # noqa: PTH118  # no pathlib: 16 ms
    return os.path.exists(f"{path}.py")  # noqa: PTH110  # as above


def tell(error: DevvaultError) -> int:
    """Print an error and its hint on stderr and return its exit code."""
    if isinstance(error, Unresolved) and error.failures:
        hints: dict[str, None] = {}
        for setting, status, reason, hint in error.failures:
            _say("error", f"{setting}: {status}: {reason}")
            hints[hint] = None
        for hint in hints:
            if hint:
                _say("hint", hint)
        return error.exit_code
    _say("error", error.message)
    if error.hint:
        _say("hint", error.hint)
    return error.exit_code


def _run(args: list[str]) -> int:
    os.environ.pop(LOCALE, None)  # for `run` alone, which reads what the process was given
    if not args or args[0] in {"-h", "--help"}:
        sys.stdout.write(_overview())
        return 0
    if args[0] in {"-V", "--version"}:
        from devvault import __version__

        sys.stdout.write(f"devvault {__version__}\n")
        return 0
    verb = args[0]
    if verb not in VERBS or not is_built(verb):
        raise WrongUse(f"there is no verb {_shown(verb)}{_nearest(verb)}", hint="devvault --help")
    import importlib

    from devvault.cli.parser import Parser, asked, unknown

    module = importlib.import_module(VERBS[verb][0])
    parser = Parser(prog=f"devvault {verb}", description=VERBS[verb][1], allow_abbrev=False)
    module.add_arguments(parser)
    rest = args[1:]
    typed = tuple(rest)
    if verb in AZURE:
        from devvault.cli.azure.words import with_dashes, with_files

        rest = with_files(with_dashes(rest))
    command: list[str] | None = None
    if verb in {"run", "mount"} and "--" in rest:
        at = rest.index("--")
        rest, command = rest[:at], rest[at + 1 :]
    elif verb == "az" and rest not in (["-h"], ["--help"]):
        rest, command = [], rest
    parsed, extra = parser.parse_known_args(rest)
    if extra:
        raise unknown(parser, rest, extra)
    parsed.typed = typed
    if verb in {"run", "mount", "az"}:
        parsed.command = command
    try:
        code: int = module.main(parsed)
    except DevvaultError as error:
        error.hint = error.hint or f"{asked(parser, rest).prog} --help"
        raise
    return code


def _help_of(args: Sequence[str]) -> str:
    return f"devvault {args[0]} --help" if args and args[0] in VERBS else "devvault --help"


def _overview() -> str:
    lines = [
        "usage: devvault VERB ...",
        "",
        "A local Azure Key Vault: @Microsoft.KeyVault references resolve on your machine.",
        "",
    ]
    lines += [f"  {verb:<12}{VERBS[verb][1]}" for verb in VERBS if is_built(verb)]
    lines += [
        "",
        "devvault VERB --help says more of one. --version prints the version.",
        "example: devvault run -- python app.py",
    ]
    return "\n".join(lines) + "\n"


def _nearest(verb: str) -> str:
    import difflib

    found = difflib.get_close_matches(verb, [name for name in VERBS if is_built(name)], 1)
    return f"; did you mean {found[0]}?" if found else ""


def _packages() -> str:
    return os.path.dirname(os.path.dirname(os.path.dirname(__file__)))  # noqa: PTH120  # as above


def _place(error: BaseException) -> str:
    """Say where an error comes from: its type, file and line, never its message."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    if at is None:
        return type(error).__name__
    name = os.path.relpath(at.tb_frame.f_code.co_filename, _packages())
    return f"{type(error).__name__} at {name}:{at.tb_lineno}"


def _shown(word: str) -> str:
    return ascii(word[:60])


def _say(kind: str, words: str) -> None:
    if sys.stderr is None:
        return
    # A sentence has one line; a name with a line break in it must not look like a second one.
    for line in [words] if kind == "error" else words.splitlines() or [""]:
        plain = _bounded("".join(c if c.isprintable() else "?" for c in line))
        encoding = sys.stderr.encoding or "ascii"
        safe = plain.encode(encoding, "backslashreplace").decode(encoding)
        sys.stderr.write(f"devvault: {kind}: {safe}\n")
    sys.stderr.flush()


def _bounded(line: str) -> str:
    """Cut what somebody typed or pasted by the thousand; a resource's id stays whole."""
    import re

    cut = re.sub(r"(\S{100})\S{400,}", r"\1...", line)
    return cut if len(cut) <= _LONGEST_LINE else f"{cut[:_LONGEST_LINE]}..."


def _keep_three() -> None:
    """See that nothing we open becomes a standard stream; one that is closed refuses, as it must.

    A file or a socket of ours with the number 1 would get what is meant for stdout.
    """
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    while (number := os.open(os.devnull, os.O_RDONLY)) <= 2:  # the three
        pass
    os.close(number)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  # stays


def _give_up_stdout() -> None:
    """Keep the interpreter from telling at its end what was told already."""
    try:
        sys.stdout.flush()
    except OSError:
        _let_go_of_stdout()


def _let_go_of_stdout() -> None:
    """Keep the interpreter from writing once more at its end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
