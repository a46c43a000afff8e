from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import devvault
from devvault.daemon.hygiene import DESCRIPTORS, FIXED_PATH, trim_environment
from tests.waiting import LIMIT

ROOT = str(Path(devvault.__file__).parents[1])
REPORT = f"""
import json, os, resource, signal, sys
sys.path.insert(0, {ROOT!r})
from devvault.daemon.hygiene import is_dumpable, make_clean
out = int(sys.argv[1])
make_clean(keep=[out], foreground=sys.argv[2] == "yes")
open_now = [n for n in range(3, 256) if os.path.exists(f"/proc/self/fd/{{n}}")]
os.write(out, json.dumps({{
    "dumpable": is_dumpable(),
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "files": resource.getrlimit(resource.RLIMIT_NOFILE),
    "cwd": os.getcwd(),
    "umask": os.umask(0o077),
    "leader": os.getsid(0) == os.getpid(),
    "open": [n for n in open_now if n != out],
    "streams": [os.path.realpath(f"/proc/self/fd/{{n}}") for n in (0, 1, 2)],
    "blocked": [int(n) for n in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
    "ignored": sorted(int(n) for n in signal.valid_signals()
                      if signal.getsignal(n) == signal.SIG_IGN),
    "environment": sorted(os.environ),
}}).encode())
"""


def report(*, foreground: bool = False) -> dict:
    read, write = os.pipe()
    spare = os.open("/dev/null", os.O_RDONLY)

    def dirty() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.umask(0)
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (200, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        )
        if not foreground:
            os.close(0)

    subprocess.run(
        [sys.executable, "-I", "-c", REPORT, str(write), "yes" if foreground else "no"],
        pass_fds=[write, spare],
        env={**os.environ, "DEVVAULT_PASSPHRASE": "x", "LD_PRELOAD": "", "EVIL": "1"},
        cwd="/tmp",
        preexec_fn=dirty,
        check=True,
        timeout=LIMIT,
    )
    os.close(write)
    os.close(spare)
    with os.fdopen(read) as file:
        return json.load(file)


def test_a_process_is_made_clean():
    found = report()
    assert found["dumpable"] is False
    assert found["core"] == [0, 0]
    limit, most = found["files"]
    assert limit == (DESCRIPTORS if most < 0 else min(DESCRIPTORS, most))
    assert found["cwd"] == "/"
    assert found["umask"] == 0o077
    assert found["leader"]
    assert found["open"] == []
    assert found["streams"] == ["/dev/null"] * 3
    assert found["blocked"] == []
    assert found["ignored"] == sorted([signal.SIGPIPE, signal.SIGHUP, signal.SIGXFSZ])
    assert not {"EVIL", "LD_PRELOAD", "DEVVAULT_PASSPHRASE"} & set(found["environment"])
    assert "PATH" in found["environment"]


def test_in_the_foreground_session_and_streams_stay():
    found = report(foreground=True)
    assert not found["leader"]
    assert found["dumpable"] is False
    assert found["open"] == []


def test_the_environment_is_an_allow_list():
    environment = {
        "HOME": "/h",
        "LC_ALL": "C",
        "XDG_RUNTIME_DIR": "/run",
        "DEVVAULT_HOME": "/d",
        "DEVVAULT_PASSPHRASE_FILE": "/p",
        "PYTHONPATH": "/evil",
        "PATH": "/evil",
        "LD_LIBRARY_PATH": "/evil",
    }
    trim_environment(environment)
    assert environment == {
        "HOME": "/h",
        "LC_ALL": "C",
        "XDG_RUNTIME_DIR": "/run",
        "DEVVAULT_HOME": "/d",
        "PATH": FIXED_PATH,
    }
