"""The project file: `devvault.toml`, or `[tool.devvault]` of `pyproject.toml`. Bytes to Project.

It comes with a repository that anyone may have written, so it can name vaults and files and can
loosen nothing: such words are refused, not ignored. It opens no file and checks no path on disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath, PureWindowsPath
from types import MappingProxyType
from typing import NamedTuple, NoReturn

from devvault.errors import WrongUse

PROJECT_FILE = "devvault.toml"
PYPROJECT = "pyproject.toml"
HINT = "devvault help configuration"
USER_HINT = "write it into config.toml in your devvault home, or /etc/devvault/config.toml"

CheckValue = str | tuple[str, ...]

_VAULT = re.compile(r"(?!.*--)[a-zA-Z][a-zA-Z0-9-]{1,22}[a-zA-Z0-9]")
_IN_ENVIRONMENTS = frozenset(
    {"vault", "env-files", "settings-files", "identity", "plain", "vaults"}
)
_WORDS = _IN_ENVIRONMENTS | {"environments", "check"}
_CHECK_WORDS = frozenset({"baseline", "exclude", "rules"})
# CONTRACT section 2: from the user's or the machine's configuration only.
_USERS_OWN = frozenset(
    {
        "chain", "on-unresolved", "reveal", "key-source", "plug-ins", "plugins", "issuers",
        "keyring", "keyring-backend", "plaintext", "mask", "no-mask", "connect", "pass-through",
        "allow", "trust", "trusted-vaults", "home", "passphrase", "passphrase-file", "auto-lock",
        "enforce", "https-port", "http-port", "audit", "store",
    }
)  # fmt: skip


class Project(NamedTuple):
    """What a project says about its settings. Paths are relative and stay below the file's folder.

    `vaults` maps a vault's name in references to the local vault that stands for it.
    `environments` holds the whole project as each environment sees it; theirs is empty.
    """

    vault: str | None = None
    env_files: tuple[str, ...] = ()
    settings_files: tuple[str, ...] = ()
    identity: str | None = None
    plain: tuple[str, ...] = ()
    vaults: Mapping[str, str] = MappingProxyType({})
    environments: Mapping[str, Project] = MappingProxyType({})
    check: Mapping[str, CheckValue] = MappingProxyType({})

    def for_environment(self, name: str) -> Project:
        """Return the project as one environment sees it.

        Raises:
            WrongUse: the project has no environment of that name.
        """
        if name not in self.environments:
            known = ", ".join(sorted(self.environments)) or "none"
            raise WrongUse(f"the project has no such environment; it has {known}", hint=HINT)
        return self.environments[name]


def find_project(name: str, data: bytes) -> Project | None:
    """Return what a project file says; None for a `pyproject.toml` without `[tool.devvault]`.

    `name` is the file's name, for messages and to tell the two kinds apart.

    Raises:
        WrongUse: the file is no TOML, or has a word that is unknown, of the wrong type, or not a
            project's to say. The message names the file and the word, and repeats no value.
    """
    table: object = _toml(name, data)
    if PurePosixPath(name).name == PYPROJECT:
        for part in ("tool", "devvault"):
            if not isinstance(table, dict) or part not in table:
                return None
            table = table[part]
    return _Reader(name).project(table)


def read_project(name: str, data: bytes) -> Project:
    """Return what a project file says, an empty Project where it says nothing; else as above."""
    return find_project(name, data) or Project()


def write_project(vault: str, *, lists_env: bool) -> bytes:
    """Return a new `devvault.toml` for a project of one vault, as `devvault init` writes it.

    `.env` is listed where it is there: without a list the nearest one is taken if there is one,
    and a listed file that is missing is told at each run.
    """
    listed = 'env-files = [".env"]\n' if lists_env else ""
    return (
        "# Where this project's settings come from; see `devvault help configuration`.\n"
        f'vault = "{vault}"\n{listed}'
    ).encode()


def _toml(name: str, data: bytes) -> dict[str, object]:
    import tomllib  # slow to load, and most folders have no project file

    from devvault.settingsfiles.toml import DEEP  # as above

    try:
        text = data.decode("utf-8-sig")
        if DEEP.search(text):  # tomllib takes minutes for a name of thousands of parts
            raise WrongUse(f"{name} holds a name of over 100 parts", hint=HINT)
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise WrongUse(f"{name}: line {line} is not valid UTF-8", hint=HINT) from error
    except tomllib.TOMLDecodeError as error:
        # Its message says what and where; some quote a name, a character, never a value.
        place = re.search(r"\(at [^()]*\)$", str(error))
        raise WrongUse(
            f"{name} is not valid TOML {place[0] if place else ''}".rstrip(), hint=HINT
        ) from error
    except RecursionError as error:
        raise WrongUse(f"{name} is nested too deeply", hint=HINT) from error
    except ValueError as error:
        raise WrongUse(f"{name} holds a number of too many digits", hint=HINT) from error


class _Reader(NamedTuple):
    """Reads the tables of one file; knows its name for the messages."""

    file: str

    def project(self, value: object) -> Project:
        table = self.table("the project", value)
        self.known("", table, _WORDS)
        base = self.overlaid(Project(), "", table)
        check = self.table("check", table.get("check", {}))
        self.known("check.", check, _CHECK_WORDS)
        checks: dict[str, CheckValue] = {}
        if "baseline" in check:
            checks["baseline"] = self.path("check.baseline", check["baseline"])
        if "exclude" in check:
            checks["exclude"] = self.texts("check.exclude", check["exclude"])
        checks["rules"] = self.paths("check.", "rules", check, ())
        checks = {word: value for word, value in checks.items() if value}
        base = base._replace(check=MappingProxyType(checks))
        environments: dict[str, Project] = {}
        for name, given in self.table("environments", table.get("environments", {})).items():
            where = f"environments.{name}"
            overrides = self.table(where, given)
            self.known(where + ".", overrides, _IN_ENVIRONMENTS)
            environments[name] = self.overlaid(base, where + ".", overrides)
        return base._replace(environments=MappingProxyType(environments))

    def overlaid(self, base: Project, where: str, table: Mapping[str, object]) -> Project:
        """Return a project with what a table gives; `vaults` are merged, lists are replaced."""
        vaults = self.table(where + "vaults", table.get("vaults", {}))
        local = {
            self.vault(f"{where}vaults", name).lower(): self.vault(f"{where}vaults.{name}", to)
            for name, to in vaults.items()
        }
        return base._replace(
            vault=self.vault(where + "vault", table["vault"]) if "vault" in table else base.vault,
            identity=(
                self.text(where + "identity", table["identity"])
                if "identity" in table
                else base.identity
            ),
            env_files=self.paths(where, "env-files", table, base.env_files),
            settings_files=self.paths(where, "settings-files", table, base.settings_files),
            plain=self.texts(where + "plain", table["plain"]) if "plain" in table else base.plain,
            vaults=MappingProxyType({**base.vaults, **local}),
        )

    def known(self, where: str, table: Mapping[str, object], words: Iterable[str]) -> None:
        for word in table:
            if word in words:
                continue
            plain = word.lower().replace("_", "-")
            if plain in _USERS_OWN:
                raise WrongUse(
                    f"{self.file}: {where}{plain} is not a project's to say, only yours",
                    hint=USER_HINT,
                )
            shown = f"{where}{word}" if re.fullmatch(r"[\w.-]{1,60}", word) else f"a word {where}"
            self.refuse(f"{shown.strip()} is unknown; there are {', '.join(sorted(words))}")

    def table(self, where: str, value: object) -> Mapping[str, object]:
        if not isinstance(value, dict):
            self.refuse(f"{where} must be a table")
        return value

    def text(self, where: str, value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            self.refuse(f"{where} must be a text, and not empty")
        if not value.isprintable():
            self.refuse(f"{where} holds a control character")
        return value

    def texts(self, where: str, value: object) -> tuple[str, ...]:
        if not isinstance(value, list):
            self.refuse(f"{where} must be a list of texts")
        return tuple(self.text(f"each of {where}", item) for item in value)

    def vault(self, where: str, value: object) -> str:
        name = self.text(where, value)
        if not _VAULT.fullmatch(name):
            self.refuse(
                f"{where} is no vault's name: 3 to 24 letters, digits and single hyphens, "
                "starting with a letter"
            )
        return name

    def path(self, where: str, value: object) -> str:
        path = self.text(where, value)
        windows = PureWindowsPath(path)  # splits at both kinds of slash
        if path.startswith("~") or windows.drive or windows.root or ".." in windows.parts:
            self.refuse(f"{where} must be a path below the project's folder")
        return path

    def paths(
        self, where: str, word: str, table: Mapping[str, object], otherwise: tuple[str, ...]
    ) -> tuple[str, ...]:
        if word not in table:
            return otherwise
        return tuple(
            self.path(f"each of {where}{word}", item)
            for item in self.texts(where + word, table[word])
        )

    def refuse(self, what: str) -> NoReturn:
        raise WrongUse(f"{self.file}: {what}", hint=HINT)
