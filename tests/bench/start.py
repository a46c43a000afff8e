"""Starting a program with ten secrets: warm, through a link, cold; and what others need for it."""

import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from tests.bench.measure import Command, Row, race
from tests.journeys.installed import Installed, build_wheel, make_environment, pip

SECRETS = 10
BARE = "python -c pass of the same environment"
COLD = "import uvicorn, sqlite3, cryptography.hazmat.primitives.ciphers.aead"


@contextmanager
def installed():
    """An installed devvault with a vault of ten secrets and a project that refers to them."""
    with tempfile.TemporaryDirectory(prefix="dv-bench-") as name:
        folder = Path(name)
        environment = make_environment(folder / "venv")
        pip(sys.executable, "install", "--no-deps", build_wheel(folder / "w"), into=environment)
        made = Installed(environment, folder)
        made.do("init", "--name", "bench-vault", "--key-source", "file", "--key-file", folder / "k")
        for number in range(SECRETS):
            made.do("set", f"KEY_{number}", stdin=f"value number {number}".encode())
        try:
            yield made
        finally:
            made.run("daemon", "stop")


def rows() -> list[Row]:
    with installed() as made:
        return [*warm(made), *cold(made), *peers(made)]


def warm(made: Installed) -> list[Row]:
    link = made.home.parent / "elsewhere" / "devvault"
    link.parent.mkdir()
    link.symlink_to(made.front)
    run = ["run", "--no-mask", "--", "true"]
    made.do(*run)
    found = race(
        {
            "bare": Command([made.python, "-c", "pass"], made.variables, made.project),
            "direct": Command([made.front, *run], made.variables, made.project),
            "link": Command([link, *run], made.variables, made.project),
            "floor": Command(["env", "true"], made.variables, made.project),
        },
        41,
    )
    what = f"devvault run --no-mask -- true, {SECRETS} references, daemon warm"
    return [
        found.row(what, "direct", "bare", BARE, 0.9),
        found.row(f"{what}, through a symlink", "link", "bare", BARE, 1.1),
        found.row("env true: what any process costs", "floor", "bare", BARE, None),
    ]


def cold(made: Installed) -> list[Row]:
    def stop() -> None:
        made.run("daemon", "stop")

    found = race(
        {
            "imports": Command([made.python, "-c", COLD], made.variables, made.project),
            "cold": Command(
                [made.front, "run", "--no-mask", "--", "true"], made.variables, made.project, stop
            ),
        },
        11,
    )
    what = "the same, cold: the daemon is started (key source file)"
    return [found.row(what, "cold", "imports", f'python -c "{COLD}"', 1.5)]


def peers(made: Installed) -> list[Row]:
    """What other tools need to start a program with ten settings."""
    folder = made.home.parent / "peers"
    folder.mkdir()
    plain = "".join(f"KEY_{number}=value{number}\n" for number in range(SECRETS))
    (folder / "plain.env").write_text(plain)
    found = []
    for name, prepare in PEERS.items():
        what = f"{name}, {SECRETS} settings"
        program = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
        if program is None:
            found.append(Row(what, skipped="not installed"))
            continue
        try:
            args, env = prepare(program, folder)
            timed = race(
                {
                    "bare": Command([made.python, "-c", "pass"], made.variables, folder),
                    "peer": Command(args, made.variables | env, folder),
                    "ours": Command(
                        [made.front, "run", "--no-mask", "--", "true"],
                        made.variables,
                        made.project,
                    ),
                },
                11,
            )
        except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
            found.append(Row(what, skipped=f"it did not run here ({type(error).__name__})"))
            continue
        found.append(timed.row(what, "peer", "bare", BARE, None))
        found.append(timed.row("devvault run, beside it", "ours", "peer", name, 1.0))
    return found


def dotenv(program: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    return [program, "-f", str(folder / "plain.env"), "run", "--", "true"], {}


def dotenvx(program: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    subprocess.run(
        [program, "encrypt", "-f", str(shutil.copy(folder / "plain.env", folder / ".env"))],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return [program, "run", "-q", "-f", str(folder / ".env"), "--", "true"], {}


def sops(program: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    key = folder / "age.txt"
    subprocess.run(["age-keygen", "-o", str(key)], check=True, capture_output=True)
    recipient = next(
        line.split(": ")[1] for line in key.read_text().splitlines() if "public key" in line
    )
    sealed = subprocess.run(
        [program, "encrypt", "--age", recipient, str(folder / "plain.env")],
        check=True,
        capture_output=True,
    ).stdout
    (folder / "sealed.env").write_bytes(sealed)
    return [program, "exec-env", str(folder / "sealed.env"), "true"], {
        "SOPS_AGE_KEY_FILE": str(key)
    }


def fnox(program: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    lines = [f'KEY_{number} = {{ default = "value{number}" }}' for number in range(SECRETS)]
    (folder / "fnox.toml").write_text("\n".join(["[secrets]", *lines, ""]))
    return [program, "exec", "--", "true"], {}


PEERS = {"dotenv": dotenv, "sops": sops, "dotenvx": dotenvx, "fnox": fnox}
