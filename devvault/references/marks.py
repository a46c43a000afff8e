"""The few literals that betray a reference; imports nothing, so that the fast path may use it.

A mark says "look closer": a text with a mark may still be no reference, one without is never one.
"""

MARKS = ("@microsoft.keyvault(",)


def has_mark(text: str) -> bool:
    """Say whether a text holds a mark anywhere, in any case."""
    lowered = text.lower()
    return any(mark in lowered for mark in MARKS)
