from __future__ import annotations

from pathlib import Path

import pytest

from devvault.cli.filesystems import find_kind

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /home/me/net rw shared:2 - nfs4 server:/x rw
31 22 0:41 / /home/me/my\\040share rw shared:3 - cifs //server/x rw
32 30 8:2 / /home/me/net/local rw - xfs /dev/sdb1 rw
"""


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/home/me/.local/share/devvault", None),
        ("/home/me/net/devvault", "NFS"),
        ("/home/me/my share/devvault", "Windows share"),
        ("/home/me/net/local/devvault", None),
        ("/home/me/network", None),
        ("/home/me/Dropbox/devvault", "Dropbox"),
        ("/home/me/OneDrive - Contoso/devvault", "OneDrive"),
        ("/Users/me/Library/Mobile Documents/devvault", "iCloud"),
    ],
)
def test_kinds(path, words):
    found = find_kind(Path(path), MOUNTS)
    assert (found is None) if words is None else words in found
