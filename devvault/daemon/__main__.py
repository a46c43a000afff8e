"""`python -I -m devvault.daemon`: clean first, then the lock, then the socket, then the rest.

`--ready-fd N` is how the client learns of the start: `ready` and a line end, or one JSON object
with the error; then it is closed. Without it the daemon stays in the foreground and tells stderr.
"""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> int:
    """Run the daemon until it is stopped; return its exit code."""
    import gc

    from devvault.daemon import hygiene

    gc.disable()  # nothing that is imported now is garbage
    given = sys.argv[1:] if arguments is None else arguments
    try:
        home_path, ready_fd = _parse(given)
    except ValueError as error:
        sys.stderr.write(f"devvault: error: {error}\n")
        return 2
    from devvault.daemon.ready import Ready
    from devvault.errors import DevvaultError

    ready = Ready(ready_fd)
    try:
        import os

        # Before the folder changes; and not resolve(), which would follow links.
        named = home_path or os.environ.get("DEVVAULT_HOME", "")
        if named:
            os.environ["DEVVAULT_HOME"] = os.path.abspath(named)  # noqa: PTH100  # as above
        hygiene.make_clean(keep=[] if ready_fd is None else [ready_fd], foreground=ready_fd is None)
        from devvault.daemon.life import live

        live(ready)
    except DevvaultError as error:
        ready.fail(error)
        return error.exit_code
    except OSError as error:
        from devvault.errors import Unavailable

        ready.fail(
            Unavailable(f"the daemon cannot start: {error.strerror or type(error).__name__}")
        )
        return 2
    return 0


def _parse(given: list[str]) -> tuple[str, int | None]:
    home = ""
    ready: int | None = None
    rest = list(given)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name not in ("--home", "--ready-fd") or not (equals or rest):
            raise ValueError("usage: python -I -m devvault.daemon [--home PATH] [--ready-fd N]")
        value = value if equals else rest.pop(0)
        if name == "--home":
            home = value
        elif value.isdigit() and int(value) > 2:
            ready = int(value)
        else:
            raise ValueError("--ready-fd takes the number of an open pipe, above 2")
    return home, ready


if __name__ == "__main__":
    sys.exit(main())
