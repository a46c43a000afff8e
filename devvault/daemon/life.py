"""The daemon's life: lock, socket, serve, and an orderly end whatever happened."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from contextlib import suppress
from functools import partial
from socket import socket
from typing import TYPE_CHECKING

from devvault import __version__
from devvault.clock import Clock, SystemClock
from devvault.daemon import ports
from devvault.daemon.build import Settings, build_keeper, choose_source
from devvault.daemon.lockfile import DaemonLock
from devvault.daemon.log import Bridge, Log
from devvault.daemon.ready import Ready
from devvault.daemon.schedule import Schedule
from devvault.daemon.serve import Server, new_loop
from devvault.errors import DevvaultError, Unavailable
from devvault.paths import Home, default_home
from devvault.server.app import App
from devvault.server.local.base import PROTOCOL, Plane
from devvault.server.proxy import Proxy
from devvault.server.sessions import Sessions
from devvault.vault.keeper import Keeper

if TYPE_CHECKING:
    from devvault.daemon.ports import Ports
    from devvault.daemon.tls import Certificates

_SCHEDULE_END = 5.0
# Seconds between two turns of threads that want the interpreter.
_TURN = 0.0005


def live(ready: Ready) -> None:
    """Serve the home that the environment names until we are stopped.

    Raises:
        Conflict: `AlreadyRunning`.
        WrongUse, Unavailable: the home or its configuration cannot be used.
    """
    # The event loop must not wait 5 ms for its turn while a thread seals records or signs.
    sys.setswitchinterval(_TURN)
    home = default_home()
    clock = SystemClock()
    lock = DaemonLock.take(home)
    try:
        log = Log(home.log, clock)
        _take_over_logging(log)
        settings = Settings(home, os.environ, log.write)
        keeper = build_keeper(home, settings, clock)
        bound = _bind_ports(home, clock)
        listener = lock.bind()
        loop = new_loop()
        try:
            loop.run_until_complete(_serve(lock, listener, bound, keeper, settings, log, ready))
        finally:
            loop.close()
            bound.close()
            _close(keeper, log)
            log.write("stopped")
    finally:
        lock.release()


async def _serve(
    lock: DaemonLock,
    listener: socket,
    bound: Ports,
    keeper: Keeper,
    settings: Settings,
    log: Log,
    ready: Ready,
) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    clock = keeper.clock
    plane = Plane(
        keeper=keeper,
        config=settings,
        choose=partial(choose_source, keeper.home, settings),
        stop=lambda: _call(loop, stopping),
        version=__version__,
        started=clock.now(),
        https_port=bound.numbers[0],
        http_port=bound.numbers[1],
    )
    app = App(plane, log.failure)
    proxy = Proxy(plane, plane.outwards, bound.numbers)
    load_tls = partial(_load_tls, keeper, log)
    server = Server(app, log, stopping, proxy, load_tls)
    lock.write_facts(
        {
            "pid": os.getpid(),
            "version": __version__,
            "protocol": PROTOCOL,
            "socket": str(keeper.home.socket),
            "https_port": bound.numbers[0],
            "http_port": bound.numbers[1],
            "started": plane.started.isoformat(),
        }
    )

    def started() -> None:
        log.write(f"devvault {__version__} serves {keeper.home.root}")
        ready.succeed()

    def sweep() -> int:
        ended = plane.sessions.sweep()
        plane.outwards.forget_others(plane.sessions.known)
        plane.hearers.forget_others(set(plane.sessions.hearers.values()))
        return ended

    turns = Schedule(keeper, settings, clock, app, log, sweep=sweep)
    schedule = asyncio.ensure_future(turns.run())
    try:
        await server.run(listener, bound, started)
    finally:
        schedule.cancel()
        await asyncio.wait([schedule], timeout=_SCHEDULE_END)
        app.close()


def _bind_ports(home: Home, clock: Clock) -> Ports:
    """Return the home's ports; where one is taken, what ran may have told its secrets there.

    Raises:
        Unavailable: `PortTaken`.
        WrongUse: a variable holds no port.
    """
    try:
        return ports.bind(home, os.environ)
    except Unavailable as error:
        if error.code == "PortTaken":
            with suppress(DevvaultError):
                Sessions(home.run, clock).end_all()
        raise


def _load_tls(keeper: Keeper, log: Log) -> Certificates:
    from devvault.daemon.tls import Certificates  # slow to load, for the first who wants it

    return Certificates(keeper.find_gate, keeper.clock, log.failure)


def _close(keeper: Keeper, log: Log) -> None:
    try:
        keeper.close()
    except DevvaultError as error:
        log.write(f"the end was not clean: {error.code}")
    except Exception as error:  # noqa: BLE001  # lock and socket must be released still
        log.failure("the end", error)


def _call(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(stopping.set)


def _take_over_logging(log: Log) -> None:
    """Send what asyncio and uvicorn warn of into our log, and nowhere else."""
    root = logging.getLogger()
    root.handlers[:] = [Bridge(log)]
    root.setLevel(logging.WARNING)
