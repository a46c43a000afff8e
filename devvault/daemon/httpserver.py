"""The parts of uvicorn that a socket needs, without its command line, reloader and supervisors.

`uvicorn/__init__.py` imports them all, which is a tenth of the daemon's start. So the package is
put up unexecuted first; its modules are then imported one by one, in the ordinary way.
"""

from __future__ import annotations

import importlib.util
import sys


def _put_up_bare(name: str) -> None:
    if name in sys.modules:
        return
    spec = importlib.util.find_spec(name)
    if spec is not None:
        sys.modules[name] = importlib.util.module_from_spec(spec)


_put_up_bare("uvicorn")

from uvicorn.config import Config  # noqa: E402  # the package must be there first
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol  # noqa: E402  # as above
from uvicorn.server import ServerState  # noqa: E402  # as above

# The name that a module of uvicorn takes from the package itself.
vars(sys.modules["uvicorn"]).setdefault("Config", Config)

__all__ = ["Config", "HttpToolsProtocol", "ServerState"]
