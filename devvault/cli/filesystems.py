"""On what kind of file system does a folder lie, where that matters: network and synced ones."""

from __future__ import annotations

from pathlib import Path

_NETWORK = {
    "9p": "a Windows drive", "afs": "AFS", "ceph": "Ceph", "cifs": "a Windows share",
    "drvfs": "a Windows drive", "fuse.davfs2": "WebDAV", "fuse.gvfsd-fuse": "a GVFS mount",
    "fuse.rclone": "an rclone mount", "fuse.s3fs": "S3", "fuse.sshfs": "SSHFS", "gfs2": "GFS2",
    "glusterfs": "GlusterFS", "lustre": "Lustre", "ncpfs": "a NetWare share", "nfs": "NFS",
    "nfs4": "NFS", "smb3": "a Windows share", "smbfs": "a Windows share", "vboxsf": "a VirtualBox"
    " share", "fuse.vmhgfs-fuse": "a VMware share", "virtiofs": "a share of the host",
}  # fmt: skip
_SYNCED = {
    "box sync": "Box", "cloudstorage": "a cloud drive", "dropbox": "Dropbox",
    "google drive": "Google Drive", "icloud drive": "iCloud", "mobile documents": "iCloud",
    "nextcloud": "Nextcloud", "onedrive": "OneDrive", "owncloud": "ownCloud", "pcloud": "pCloud",
    "sync": "a synced folder", "syncthing": "Syncthing",
}  # fmt: skip


def find_kind(path: Path, mounts: str | None = None) -> str | None:
    """Return what is special about a folder's file system in words, None for a local one.

    `mounts` is the text of `/proc/self/mountinfo`; where there is none, names alone tell.
    """
    synced = next(
        (
            words
            for part in path.parts
            for start, words in _SYNCED.items()
            if part.lower() == start or part.lower().startswith(f"{start} -")
        ),
        None,
    )
    if synced is not None:
        return f"a folder that {synced} copies"
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
    return _NETWORK.get(_type_of(path, mounts))


def _type_of(path: Path, mounts: str) -> str:
    best, kind = -1, ""
    for line in mounts.splitlines():
        left, separator, right = line.partition(" - ")
        fields = left.split(" ")
        if not separator or len(fields) < 5:
            continue
        at = Path(fields[4].encode().decode("unicode_escape"))
        if path.is_relative_to(at) and len(at.parts) >= best:
            best, kind = len(at.parts), right.split(" ", 1)[0]
    return kind
