"""A request that need not wait is answered at once: no task, and one write instead of two.

Half of what a bare read costs is the way through the server. `QuickAnswers` stands before uvicorn's
protocol class; whatever it does not take goes the usual way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import (
        HttpToolsProtocol as _Protocol,
    )
    from uvicorn.protocols.http.httptools_impl import (
        RequestResponseCycle,
    )
else:
    _Protocol = object

# Takes the ASGI scope, and whether the connection stays open. Returns the whole answer, or None:
# then the request goes the usual way, as if nobody had asked.
AnswerNow = Callable[[Any, bool], bytes | None]

_NOT_PLAIN = frozenset({b"content-length", b"transfer-encoding", b"upgrade", b"expect"})


class QuickAnswers(_Protocol):
    """Mixed in before uvicorn's protocol."""

    answer_now: AnswerNow | None = None
    _answered = False

    def on_headers_complete(self) -> None:
        """Answer a plain GET that stands alone, if the app can; else go the usual way."""
        if self.answer_now is None or not self._is_plain():
            super().on_headers_complete()
            return
        raw_path, _, query = self.url.partition(b"?")
        path = raw_path.decode("ascii")
        self.scope["method"] = "GET"
        self.scope["path"] = unquote(path) if "%" in path else path
        self.scope["raw_path"] = raw_path
        self.scope["query_string"] = query
        keep = self.parser.should_keep_alive()
        whole = self.answer_now(self.scope, keep)
        if whole is None:
            super().on_headers_complete()
            return
        self._answered = True
        self.transport.write(whole)
        if not keep:
            self.transport.close()

    def on_message_complete(self) -> None:
        """Be ready for the next request."""
        if not self._answered:
            super().on_message_complete()
            return
        self._answered = False
        self.on_response_complete()

    def _is_plain(self) -> bool:
        if self.parser.get_method() != b"GET" or self.parser.get_http_version() != "1.1":
            return False
        # None before the first request, whatever uvicorn says of its type.
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            return False
        if not self.url.startswith(b"/") or b"#" in self.url or not self.url.isascii():
            return False
        if self.flow.write_paused or self.transport.is_closing():
            return False
        return not any(name in _NOT_PLAIN for name, _ in self.headers)
