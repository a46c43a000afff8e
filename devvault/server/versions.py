"""The API versions of the data plane, and what is known to differ between them.

One behaviour serves them all, but for the rows of `_SINCE` (specification: SDK wire, section 1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from devvault.errors import Invalid

# What the service knows, in order (specification: access, section 4).
DATA_VERSIONS = (
    "2015-06-01",
    "2016-10-01",
    "7.0",
    "7.1",
    "7.2",
    "7.3",
    "7.4",
    "7.5",
    "7.6",
    "2025-07-01",
    "2026-04-01",
)
LATEST = DATA_VERSIONS[-1]
_PREVIEW = re.compile(r"7\.6-preview\.2|202[56]-\d\d-\d\d-preview")
_NAME = "api-version"
# A member of an answer or a parameter, and the version that brought it. Older ones leave the
# member out and do not look at the parameter.
RECOVERABLE_DAYS = "recoverableDays"
OUT_CONTENT_TYPE = "outContentType"
_SINCE: Mapping[str, str] = {RECOVERABLE_DAYS: "7.1", OUT_CONTENT_TYPE: "2025-07-01"}


def check_version(query: Mapping[str, str]) -> str:
    """Return the version that a request asks for.

    Raises:
        Invalid: it names none, or one that the service does not know; in Azure's words.
    """
    version = asked_version(query)
    if not version:
        raise Invalid("The api-version query parameter is required.")
    if version not in DATA_VERSIONS and not _is_preview(version):
        raise Invalid(
            f"The specified version ({version}) is not recognized. Consider using the latest"
            f" supported version ({LATEST})."
        )
    return version


def asked_version(query: Mapping[str, str]) -> str:
    """Return the version that a request names, however it spells the parameter, or nothing."""
    found = query.get(_NAME)
    if found is not None:
        return found
    return next((value for name, value in query.items() if name.lower() == _NAME), "")


@lru_cache(maxsize=64)
def knows(version: str, what: str) -> bool:
    """Say whether a version has that member or parameter; a preview has whatever came of it."""
    if version not in DATA_VERSIONS:
        version = LATEST if version.startswith("20") else version[:3]
    return DATA_VERSIONS.index(version) >= DATA_VERSIONS.index(_SINCE[what])


def _is_preview(version: str) -> bool:
    lower = version.lower()
    return lower.removesuffix("-preview") in DATA_VERSIONS or bool(_PREVIEW.fullmatch(lower))
