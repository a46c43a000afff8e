"""ARCHITECTURE.md section 2: who may import whom, and which foreign names stand where."""

import pytest

from tests.house.source import imports, is_ours, is_standard, modules

GROUND = {
    "devvault", "devvault.errors", "devvault.clock", "devvault.secretvalue", "devvault.paths",
    "devvault.config",
}  # fmt: skip

# Room -> rooms that it may import besides itself and the ground.
LAW: dict[str, set[str]] = {
    "ground": set(),
    "model": set(),
    "references": {"model.names"},
    "client": set(),
    "settingsfiles": set(),
    "crypto": {"model"},
    "sealing": set(),
    "store": {"model"},
    "access": {"model"},
    "audit": {"model", "store.base"},  # the transaction that a record is written in
    "issuers": {"model", "crypto"},
    "vault": {"model", "crypto", "sealing", "store", "access", "audit", "issuers"},
    "server": {"model", "vault", "access"},
    "daemon": {
        "model", "crypto", "sealing", "store", "access", "audit", "issuers", "vault", "server",
    },
    "scan": {"references", "settingsfiles"},
    "resolver": {"references", "settingsfiles", "client", "scan.judge"},
    "adapters": {"resolver"},
    "cli": {"client", "references", "settingsfiles", "resolver", "scan"},
    # What pytest's fixtures stand on: the words in which a shell is connected, and no verb.
    "testing": {"client", "cli.connection", "cli.planes", "cli.reply"},
}  # fmt: skip

# The local plane of the server is the one place where the two wings meet.
BY_MODULE: dict[str, set[str]] = {
    "devvault.__main__": {"cli"},
    "devvault.pytest_plugin": {"testing"},
    "devvault.server.bundles": {"crypto.truststore"},
    "devvault.server.local": {"resolver", "scan", "references", "settingsfiles", "audit"},
}

# Foreign top-level name -> the modules (or rooms) that may import it.
FOREIGN: dict[str, set[str]] = {
    "dotenv": {"devvault.settingsfiles.dotenv", "devvault.adapters.dotenv"},
    "yaml": {"devvault.settingsfiles.yaml", "devvault.cli.say"},
    "cryptography": {
        "devvault.crypto", "devvault.sealing", "devvault.issuers", "devvault.access.tokens",
    },
    "pkcs11": {"devvault.crypto.pkcs11"},
    "keyring": {"devvault.sealing"},
    "psycopg": {"devvault.store.postgres"},
    "starlette": {"devvault.server.app", "devvault.server.reply", "devvault.adapters.starlette"},
    "pydantic": {"devvault.adapters.pydantic"},
    "pydantic_settings": {"devvault.adapters.pydantic"},
    "flask": {"devvault.adapters.flask"},
    "environs": {"devvault.adapters.environs"},
    "dynaconf": {"devvault.adapters.dynaconf"},
    "uvicorn": {"devvault.daemon.protocols"},
    "uvloop": {"devvault.daemon.serve"},
    "httptools": {"devvault.daemon.protocols"},
    # values.py holds the vaults' values while the daemon compares them; engine.py has rules alone.
    "hyperscan": {"devvault.scan.gate"},
    "re2": {"devvault.scan.gate"},
    "ahocorasick_rs": {"devvault.scan.engine", "devvault.scan.values", "devvault.cli.sieve"},
    "azure": {"devvault.resolver.cloud"},
    "watchdog": {"devvault.resolver.watch"},
    "pytest": {"devvault.pytest_plugin"},
    "jmespath": {"devvault.cli.say"},
    "rich": {"devvault.cli.say"},
    # Ours: client/launch.py, which the fast path loads without its package.
    # As well: these stand beside cli/answer.py and cli/hook.py, which are in no package there.
    "child": {"devvault.cli.answer"},
    "mask": {"devvault.cli.answer"},
    "fast": {"devvault.cli.hook"},
    "sieve": {"devvault.cli.mask"},
    # The driver under keyring's Secret Service backend, for its errors and its collections.
    "secretstorage": {"devvault.sealing"},
    "jeepney": {"devvault.sealing"},
}  # fmt: skip

# Names that only one room may use, whatever the law says of rooms.
ONLY_IN: dict[str, set[str]] = {
    # Explaining tells what the decision would be, and hands nothing out.
    "devvault.access.decide": {
        "devvault.vault.gate",
        "devvault.access.explain",
    },
    # The chain hands a coroutine's question to a thread of the loop that already runs.
    "asyncio": {"devvault.server", "devvault.daemon", "devvault.resolver.chain"},
    "sqlite3": {"devvault.store"},
    "subprocess": {"devvault.cli", "devvault.scan"},
}


def within(name, places):
    return any(name == place or name.startswith(f"{place}.") for place in places)


def ours():
    return [(name, found) for name in modules() for found in imports(name) if is_ours(found.module)]


def test_the_law_knows_every_room():
    assert {module.room for module in modules().values()} <= set(LAW)


def test_every_import_of_ours_is_one_of_a_module_that_is_there():
    gone = [(name, found) for name, found in ours() if found.module not in modules()]
    assert not gone


def test_imports_run_down_the_house():
    wrong = []
    for name, found in ours():
        here, there = modules()[name], modules().get(found.module)
        if there is None or found.module in GROUND or here.room == there.room:
            continue
        allowed = set(LAW[here.room])
        for place, more in BY_MODULE.items():
            if within(name, {place}):
                allowed |= more
        below = found.module.removeprefix("devvault.")
        if not within(below, allowed):
            wrong.append(f"{name}:{found.line} imports {found.module}")
    assert not wrong


def test_the_ground_imports_the_ground_alone():
    wrong = [
        f"{name}:{found.line} imports {found.module}"
        for name, found in ours()
        if name in GROUND and found.module not in GROUND
    ]
    assert not wrong


def test_foreign_names_stand_where_the_law_says():
    wrong = []
    for name in modules():
        for found in imports(name):
            if is_ours(found.module) or is_standard(found.module):
                continue
            places = FOREIGN.get(found.module.partition(".")[0], set())
            if not within(name, places):
                wrong.append(f"{name}:{found.line} imports {found.module}")
    assert not wrong


@pytest.mark.parametrize("what", sorted(ONLY_IN))
def test_some_names_have_one_place(what):
    wrong = [
        f"{name}:{found.line}"
        for name in modules()
        for found in imports(name)
        if within(found.module, {what}) and not within(name, ONLY_IN[what] | {what})
    ]
    assert not wrong


def test_there_is_no_circle_not_even_a_late_one():
    graph = {
        name: {
            found.module
            for found in imports(name)
            if found.module in modules() and found.module != name
        }
        for name in modules()
    }
    done: set[str] = set()
    path: list[str] = []

    def visit(name):
        if name in path:
            pytest.fail("circle: " + " -> ".join([*path[path.index(name) :], name]))
        if name in done:
            return
        path.append(name)
        for other in sorted(graph[name]):
            visit(other)
        path.pop()
        done.add(name)

    for name in sorted(graph):
        visit(name)


def test_package_faces_are_empty():
    wrong = [
        name
        for name, module in modules().items()
        if module.is_face and name != "devvault" and imports(name)
    ]
    assert not wrong
