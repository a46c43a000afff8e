"""`devvault completion SHELL`: the shell code that asks us for candidates, and the answer to it.

Verbs and options come from the parsers themselves, names from the daemon, if it runs and answers
at once: it is never started, and nobody is asked for anything, because of a tabulator key.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator, Sequence
from itertools import pairwise

from devvault.cli import main as table
from devvault.cli import say
from devvault.errors import DevvaultError

PATIENCE = 1.0  # seconds
_ASK = "candidates"

_BASH = """\
_devvault() {
    local IFS=$'\\n' words
    words=("${COMP_WORDS[@]:1:COMP_CWORD}")
    COMPREPLY=($(devvault completion candidates -- "${words[@]}" 2>/dev/null))
}
complete -o default -F _devvault devvault
"""
_ZSH = """\
#compdef devvault
_devvault() {
    local -a found
    found=("${(@f)$(devvault completion candidates -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    found=(${found:#})
    if (( $#found )); then
        compadd -a found
    else
        _files
    fi
}
if [ "$funcstack[1]" = "_devvault" ]; then
    _devvault "$@"
else
    compdef _devvault devvault
fi
"""
_FISH = """\
function __devvault_candidates
    set -l words (commandline -opc)[2..]
    devvault completion candidates -- $words (commandline -ct) 2>/dev/null
end
complete -c devvault -a '(__devvault_candidates)'
"""
_POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName devvault -ScriptBlock {
    param($word, $ast, $position)
    $words = @($ast.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $position } | ForEach-Object { $_.Extent.Text })
    devvault completion candidates -- @words "$word" 2>$null | ForEach-Object {
        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
    }
}
"""
SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH, "powershell": _POWERSHELL}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Print the shell code that completes devvault's verbs and options, and the names of\n"
        "vaults and secrets while the daemon runs unlocked."
    )
    parser.epilog = (
        'example: eval "$(devvault completion bash)"          in ~/.bashrc\n'
        '         eval "$(devvault completion zsh)"           in ~/.zshrc, after compinit\n'
        "         devvault completion fish | source           in ~/.config/fish/config.fish\n"
        "         devvault completion powershell | Out-String | Invoke-Expression"
    )
    parser.add_argument(
        "shell", metavar="bash|zsh|fish|powershell", choices=(*SCRIPTS, _ASK), help="the shell"
    )
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)


def main(args: argparse.Namespace) -> int:
    """Print the shell's code, or the candidates for the last of some words."""
    if args.shell != _ASK:
        say.put(SCRIPTS[args.shell])
        return 0
    # As typed: a parser takes a second `--` away, which is what most often stands before a tab.
    typed: list[str] = list(args.typed[2:]) if args.typed[1:2] == ("--",) else args.words
    words = typed or [""]
    for found in candidates(words):
        say.line(found)
    return 0


def candidates(words: Sequence[str]) -> list[str]:
    """Return what the last word may become; none where the shell should offer files."""
    *before, current = words
    if not before:
        offered = [verb for verb in table.VERBS if table.is_built(verb)]
        offered += ["--help", "--version"] if current.startswith("-") else []
    elif "--" in before or before[0] not in table.VERBS or not table.is_built(before[0]):
        offered = []
    else:
        offered = _of_verb(before[0], before[1:], current)
    head = ""
    if current.startswith("--") and "=" in current:  # --flag=value: the value alone is completed
        flag, _, current = current.partition("=")
        head = f"{flag}="
        offered = _of_verb(before[0], [*before[1:], flag], current) if before else []
    return [head + one for one in dict.fromkeys(offered) if one.startswith(current)]


def _of_verb(verb: str, before: Sequence[str], current: str) -> list[str]:
    module = importlib.import_module(table.VERBS[verb][0])
    parser = argparse.ArgumentParser(prog=verb, add_help=True)
    module.add_arguments(parser)
    open_value: argparse.Action | None = None
    positionals = 0
    path = [verb]
    for word in before:
        if open_value is not None:
            open_value = None
        elif word.startswith("-"):
            open_value = _with_value(parser, word)
        else:
            below = _commands(parser)
            if word in below:
                parser = below[word]
                path.append(word)
            else:
                positionals += 1
    if open_value is not None:
        return _values(open_value, path, before)
    if current.startswith("-"):
        return [flag for action in _actions(parser) for flag in _long(action)]
    below = _commands(parser)
    if below:
        return sorted(below)
    free = [action for action in _actions(parser) if not action.option_strings]
    if not free:
        return []
    return _values(free[min(positionals, len(free) - 1)], path, before)


def _values(action: argparse.Action, path: Sequence[str], before: Sequence[str]) -> list[str]:
    """Return what an option or an argument may hold."""
    if action.choices is not None:
        return [str(choice) for choice in action.choices if choice != _ASK]
    vault = _given(before, "--vault-name", "--vault")
    in_secrets = path[:2] == ["keyvault", "secret"]
    in_vaults = path[0] == "keyvault" and not in_secrets
    if action.dest in ("vault", "vault_name") or (action.dest == "name" and in_vaults):
        return sorted(_names(""))
    if action.dest in ("name", "secret") and (in_secrets or path[0] in {"audit", "access"}):
        return [name for names in _names(vault).values() for name in names]
    if action.dest == "topic":
        from devvault.cli.help import find_pages

        return list(find_pages())
    if action.dest in ("what", "key"):
        return _keys()
    return []


def _names(vault: str) -> dict[str, list[str]]:
    """Return vault -> names of its secrets, as far as the daemon tells at once."""
    from urllib.parse import quote

    from devvault.cli.reply import texts
    from devvault.client.http import Connection, raise_for
    from devvault.paths import default_home

    try:
        path = f"/local/names?vault={quote(vault)}" if vault else "/local/names"
        response = Connection(default_home(), timeout=PATIENCE).request("GET", "devvault", path)
        raise_for(response)
        found = response.json()
    except (DevvaultError, OSError):
        return {}
    vaults = found.get("vaults") if isinstance(found, dict) else None
    if not isinstance(vaults, dict):
        return {}
    return {str(name): texts(vaults, name) for name in vaults}


def _keys() -> list[str]:
    """Return the names that the project's env files set."""
    from devvault.cli.project import open_place, read_settings
    from devvault.settingsfiles.base import get_format, is_shell_name

    found: list[str] = []
    try:
        place = open_place()
        for path in place.env_files:
            settings = get_format("dotenv").read(read_settings(path, place.folder))
            found += [one.key for one in settings if is_shell_name(one.key)]
    except DevvaultError:
        return found
    return found


def _given(words: Sequence[str], *flags: str) -> str:
    for flag, value in pairwise(words):
        if flag in flags:
            return value
    return next((w.partition("=")[2] for w in words if w.startswith(f"{flags[0]}=")), "")


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    # argparse tells what a parser holds in no public way.
    for action in parser._actions:  # noqa: SLF001  # as above
        if action.help != argparse.SUPPRESS and not _is_commands(action):
            yield action


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:  # noqa: SLF001  # as above
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  # as above
            return dict(action.choices)
    return {}


def _is_commands(action: argparse.Action) -> bool:
    return isinstance(action, argparse._SubParsersAction)  # noqa: SLF001  # as above


def _with_value(parser: argparse.ArgumentParser, flag: str) -> argparse.Action | None:
    """Return the option that the next word belongs to."""
    return next(
        (
            action
            for action in _actions(parser)
            if flag in action.option_strings and action.nargs != 0
        ),
        None,
    )


def _long(action: argparse.Action) -> list[str]:
    return [flag for flag in action.option_strings if flag.startswith("--")]
