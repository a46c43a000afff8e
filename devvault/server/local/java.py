"""What connects a Java program: JVMs know neither the proxy nor the roots of the environment.

Azure's SDK for Java takes `HTTPS_PROXY` where `java.net.useSystemProxies` is true (its
`ProxyOptions.fromConfiguration`); roots come from one trust store. A JVM reads both from
`JAVA_TOOL_OPTIONS`, and says so in a line on stderr, so it is done where the user asks for it.
"""

from __future__ import annotations

import re

VARIABLE = "JAVA_TOOL_OPTIONS"
_STORE = "-Djavax.net.ssl.trustStore"
_PROXIES = "-Djava.net.useSystemProxies="
# As HotSpot splits it: blanks part, either quote holds together, nothing escapes.
_OPTION = re.compile(r"""(?:"[^"]*"|'[^']*'|[^\s"'])+""")
_QUOTED = re.compile(r"""["]([^"]*)["]|[']([^']*)[']""")


def add_options(given: str, store: str, folder: str) -> str | None:
    """Return the options with proxy and trust store added.

    `given` are those that the user had, or an outer run; None where they name a trust store that
    does not lie in `folder`, which is ours: it is the user's, and no option of ours replaces it.
    """
    options = _OPTION.findall(given)
    for option in options:
        name, equals, value = _bare(option).partition("=")
        if name == _STORE and equals and not value.startswith(f"{folder}/"):
            return None
    kept = [option for option in options if not _bare(option).startswith((_STORE, _PROXIES))]
    ours = f"{_PROXIES}true", _quoted(f"{_STORE}={store}"), f"{_STORE}Type=PKCS12"
    return " ".join((*kept, *ours))


def _bare(option: str) -> str:
    return _QUOTED.sub(lambda found: found[1] or found[2] or "", option)


def _quoted(option: str) -> str:
    if not re.search(r"[\s'\"]", option):
        return option
    quote = '"' if '"' not in option else "'"
    return f"{quote}{option}{quote}"
