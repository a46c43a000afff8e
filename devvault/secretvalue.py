"""A value that will not print itself; `reveal()` is the only way in.

It guards against accidents (logs, tracebacks, f-strings, pickles, dumps of a model), not against
code that means to read it: the value is one call away by design.
"""

from __future__ import annotations

from typing import NoReturn, final

_HIDDEN = "[secret]"


@final
class SecretValue:
    """A string that came from a vault. Equality takes constant time; everything else hides it.

    It is no `str`: what joins, adds or encodes strings refuses it. As a field of a pydantic model
    it takes a `str` or a `SecretValue`, and dumps to JSON as `[secret]`.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError(f"a SecretValue holds a str, not {type(value).__name__}")
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
        import hmac  # slow to load, and few programs compare

        return hmac.compare_digest(
            self.__value.encode("utf-8", "surrogatepass"),
            other.reveal().encode("utf-8", "surrogatepass"),
        )

    __hash__ = None  # type: ignore[assignment]  # a hash would be a fingerprint of the value

    def __len__(self) -> NoReturn:
        raise TypeError("the length of a SecretValue is not told; use reveal()")

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a SecretValue is not pickled; use reveal()")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a SecretValue has no state to save; use reveal()")

    def __copy__(self) -> SecretValue:
        return self

    def __deepcopy__(self, memo: object) -> SecretValue:
        return self

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> dict[str, object]:
        """Tell pydantic how to validate and dump a field; its schemas are plain dicts."""
        del source, handler
        return {
            "type": "function-plain",
            "function": {"type": "no-info", "function": _validated},
            "serialization": {"type": "function-plain", "function": str, "when_used": "json"},
        }

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: object, handler: object) -> dict[str, object]:
        """Describe a field in a JSON schema."""
        del schema, handler
        return {"type": "string", "format": "password", "writeOnly": True}


def _validated(given: object) -> SecretValue:
    # Pydantic's own message shows the input, so what is wrong comes out as another error's type.
    if isinstance(given, SecretValue):
        return given
    if not isinstance(given, str):
        raise ValueError("a secret must be a text")  # noqa: TRY004  # pydantic wants a ValueError
    return SecretValue(given)
