"""A value that will not print itself; `reveal()` is the only way in.

It guards against accidents (logs, tracebacks, f-strings, pickles), not against code that means to
read it: the value is one call away by design.
"""

from __future__ import annotations

import hmac
from typing import NoReturn

_HIDDEN = "[secret]"


class SecretValue:
    """A string that came from a vault. Equality takes constant time; everything else hides it."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """Return the value in clear."""
        return self.__value

    def __repr__(self) -> str:
        return "SecretValue([secret])"

    def __str__(self) -> str:
        return _HIDDEN

    def __format__(self, spec: str) -> str:
        return format(_HIDDEN, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretValue):
            return NotImplemented
        return hmac.compare_digest(
            self.__value.encode("utf-8", "surrogatepass"),
            other.reveal().encode("utf-8", "surrogatepass"),
        )

    __hash__ = None  # type: ignore[assignment]  # a hash would be a fingerprint of the value

    def __len__(self) -> NoReturn:
        msg = "the length of a SecretValue is not told; use reveal()"
        raise TypeError(msg)

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __reduce__(self) -> NoReturn:
        msg = "a SecretValue is not pickled; use reveal()"
        raise TypeError(msg)

    def __copy__(self) -> SecretValue:
        return self

    def __deepcopy__(self, memo: object) -> SecretValue:
        return self
