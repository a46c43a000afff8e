"""The few literals that betray a reference; imports nothing, so that the fast path may use it.

A mark says "look closer": a text with a mark may still be no reference, one without is never one.
"""

# These stand in nothing else; the others are words of JSON that any program may use.
PLAIN_MARKS = ("@microsoft.keyvault(", "akvs://", "keyvaultref:")
MARKS = (
    *PLAIN_MARKS,
    "secretref:",
    "keyvaultref+json",
    ".getsecret(",
    '"uri"',
    '"keyvault"',
    '"keyvaulturl"',
    '"keyvaultname"',
)


def has_mark(text: str) -> bool:
    """Say whether a text holds a mark anywhere, in any case."""
    lowered = text.lower()
    return any(mark in lowered for mark in MARKS)


def has_plain_mark(text: str) -> bool:
    """Say whether a text surely means to hold a reference."""
    lowered = text.lower()
    return any(mark in lowered for mark in PLAIN_MARKS)
