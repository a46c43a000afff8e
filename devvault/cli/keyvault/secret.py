"""`devvault keyvault secret ...`: az's words for secrets, over the data plane's REST shapes."""

from __future__ import annotations

import argparse

from devvault.cli import say
from devvault.cli.ask import check_may_reveal
from devvault.cli.keyvault.grammar import (
    Commands,
    add_command,
    add_flag,
    add_tags,
    from_id,
    moment,
    read_tags,
)
from devvault.cli.keyvault.material import read_value, write_value
from devvault.cli.planes import PAGE_LIMIT, open_planes, segment
from devvault.cli.privatefile import read_file, write_private
from devvault.cli.reply import Body, table, text
from devvault.cli.times import iso
from devvault.errors import WrongUse

_WORDS = "keyvault secret"
_FILE_LIMIT = 64 * 1024 * 1024


def add_commands(commands: Commands) -> None:
    """Add every command of `keyvault secret`."""
    _add_set(commands)
    here = f"{_WORDS} show --vault-name my-app-vault --name db --query value -o tsv"
    show = add_command(commands, "show", _show, "get a secret with its value", here)
    _add_target(show, version=True)
    listing = add_command(
        commands, "list", _list, "list secrets", f"{_WORDS} list --vault-name my-app-vault -o table"
    )
    _add_vault(listing)
    add_flag(listing, "--include-managed", words="secrets of certificates too (default: false)")
    versions = add_command(
        commands,
        "list-versions",
        _list_versions,
        "list the versions of a secret",
        f"{_WORDS} list-versions --vault-name my-app-vault --name db",
    )
    _add_target(versions)
    _add_limit(versions)
    change = add_command(
        commands,
        "set-attributes",
        _set_attributes,
        "change a secret's attributes, not its value",
        f"{_WORDS} set-attributes --vault-name my-app-vault --name db --enabled false",
    )
    _add_target(change, version=True)
    add_flag(change, "--enabled", words="enable or disable the version")
    _add_attributes(change)
    for name, run, words in (
        ("delete", _delete, "delete a secret with all its versions; it can be recovered"),
        ("show-deleted", _show_deleted, "get a deleted secret, without its value"),
        ("recover", _recover, "bring a deleted secret back with all its versions"),
        ("purge", _purge, "remove a deleted secret for good"),
    ):
        example = f"{_WORDS} {name} --vault-name my-app-vault --name db"
        _add_target(add_command(commands, name, run, words, example))
    deleted = add_command(
        commands,
        "list-deleted",
        _list_deleted,
        "list the deleted secrets of a vault",
        f"{_WORDS} list-deleted --vault-name my-app-vault",
    )
    _add_vault(deleted)
    _add_files(commands)


def _add_set(commands: Commands) -> None:
    parser = add_command(
        commands,
        "set",
        _set,
        "store a secret, as a new version where it exists; asks for the value unless it is given",
        f"{_WORDS} set --vault-name my-app-vault --name db",
    )
    _add_target(parser)
    parser.add_argument(
        "--value",
        help="the value; '-' reads stdin, which leaves no trace in the process list",
    )
    parser.add_argument("--file", "-f", metavar="FILE", help="read the value from a file")
    parser.add_argument(
        "--encoding",
        "-e",
        choices=("ascii", "base64", "hex", "utf-16be", "utf-16le", "utf-8"),
        help="how the file's bytes become text (default: utf-8)",
    )
    add_flag(parser, "--disabled", words="store it disabled")
    _add_attributes(parser)


def _add_files(commands: Commands) -> None:
    backup = add_command(
        commands,
        "backup",
        _backup,
        "write all versions of a secret, sealed, to a file",
        f"{_WORDS} backup --vault-name my-app-vault --name db --file db.backup",
    )
    _add_target(backup)
    backup.add_argument("--file", "-f", metavar="FILE", required=True, help="file to write")
    restore = add_command(
        commands,
        "restore",
        _restore,
        "restore a secret from a file of `backup`",
        f"{_WORDS} restore --vault-name my-app-vault --file db.backup",
    )
    restore.add_argument("--vault-name", required=True, help="the vault")
    restore.add_argument("--file", "-f", metavar="FILE", required=True, help="file to read")
    download = add_command(
        commands,
        "download",
        _download,
        "write a secret's value to a file (mode 0600)",
        f"{_WORDS} download --vault-name my-app-vault --name db --file db.txt",
    )
    _add_target(download, version=True)
    download.add_argument("--file", "-f", metavar="FILE", required=True, help="file to write")
    download.add_argument(
        "--encoding",
        "-e",
        choices=("ascii", "base64", "hex", "utf-16be", "utf-16le", "utf-8"),
        help="encoding of the file (default: the tag file-encoding, else utf-8)",
    )
    add_flag(download, "--overwrite", words="replace a file that is there")


def _add_target(parser: argparse.ArgumentParser, *, version: bool = False) -> None:
    parser.add_argument("--vault-name", help="the vault")
    parser.add_argument("--name", "-n", help="the secret's name")
    parser.add_argument("--id", help="the secret's identifier, instead of the names")
    if version:
        parser.add_argument("--version", "-v", help="the version (default: the newest)")


def _add_vault(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--vault-name", help="the vault")
    parser.add_argument("--id", help="the vault's address, instead of its name")
    _add_limit(parser)


def _add_limit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--maxresults",
        type=_page,
        metavar="N",
        help="print at most so many, 1 to 25 (default: all)",
    )


def _page(word: str) -> int:
    if not word.isdecimal() or not 1 <= int(word[:9]) <= PAGE_LIMIT:
        raise argparse.ArgumentTypeError(f"maxresults must be between 1 and {PAGE_LIMIT}")
    return int(word)


def _add_attributes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--expires", type=moment, metavar="TIME", help="expiry, UTC: Y-m-d'T'H:M:S'Z'"
    )
    parser.add_argument(
        "--not-before", type=moment, metavar="TIME", help="not before, UTC: Y-m-d'T'H:M:S'Z'"
    )
    parser.add_argument(
        "--content-type", "--description", dest="content_type", help="what kind of value it is"
    )
    add_tags(parser)


def _set(args: argparse.Namespace) -> int:
    vault, name, _ = from_id(args)
    planes = open_planes()
    value, encoding = read_value(args, f"value of {say.printable(name)} in {say.printable(vault)}")
    body: dict[str, object] = {
        "value": value,
        "tags": {**(read_tags(args.tags) or {}), "file-encoding": encoding},
    }
    attributes = _attributes(args, None if args.disabled is None else not args.disabled)
    if attributes:
        body["attributes"] = attributes
    if args.content_type is not None:
        body["contentType"] = args.content_type
    say.show(args, with_value(planes.data(vault, "PUT", f"/secrets/{segment(name)}", body)))
    return 0


def _show(args: argparse.Namespace) -> int:
    vault, name, version = from_id(args)
    check_may_reveal("keyvault secret show")
    found = open_planes().data(
        vault, "GET", f"/secrets/{segment(name)}/{segment(version, may_be_empty=True)}"
    )
    say.show(args, with_value(found))
    return 0


def _list(args: argparse.Namespace) -> int:
    found = open_planes().data_list(_vault(args), "/secrets", limit=args.maxresults)
    if not args.include_managed:
        found = [item for item in found if not item.get("managed")]
    say.show(args, [properties(item) for item in found], table=_columns)
    return 0


def _list_versions(args: argparse.Namespace) -> int:
    vault, name, _ = from_id(args)
    found = open_planes().data_list(
        vault, f"/secrets/{segment(name)}/versions", limit=args.maxresults
    )
    say.show(args, [properties(item) for item in found])
    return 0


def _set_attributes(args: argparse.Namespace) -> int:
    vault, name, version = from_id(args)
    body: dict[str, object] = {}
    attributes = _attributes(args, args.enabled)
    if attributes:
        body["attributes"] = attributes
    tags = read_tags(args.tags)
    if tags is not None:
        body["tags"] = tags
    if args.content_type is not None:
        body["contentType"] = args.content_type
    found = open_planes().data(
        vault, "PATCH", f"/secrets/{segment(name)}/{segment(version, may_be_empty=True)}", body
    )
    say.show(args, without_value(found))
    return 0


def _delete(args: argparse.Namespace) -> int:
    vault, name, _ = from_id(args)
    found = open_planes().data(vault, "DELETE", f"/secrets/{segment(name)}")
    say.note("its name is held until it is recovered or purged")
    say.show(args, deleted(found))
    return 0


def _show_deleted(args: argparse.Namespace) -> int:
    vault, name, _ = _from_deleted_id(args)
    say.show(args, deleted(open_planes().data(vault, "GET", f"/deletedsecrets/{segment(name)}")))
    return 0


def _list_deleted(args: argparse.Namespace) -> int:
    found = open_planes().data_list(_vault(args), "/deletedsecrets", limit=args.maxresults)
    say.show(args, [{**properties(item), **_dates(item)} for item in found])
    return 0


def _recover(args: argparse.Namespace) -> int:
    vault, name, _ = _from_deleted_id(args)
    found = open_planes().data(vault, "POST", f"/deletedsecrets/{segment(name)}/recover")
    say.show(args, without_value(found))
    return 0


def _purge(args: argparse.Namespace) -> int:
    vault, name, _ = _from_deleted_id(args)
    open_planes().data(vault, "DELETE", f"/deletedsecrets/{segment(name)}")
    return 0


def _backup(args: argparse.Namespace) -> int:
    import base64

    vault, name, _ = from_id(args)
    found = text(open_planes().data(vault, "POST", f"/secrets/{segment(name)}/backup"), "value")
    blob = base64.urlsafe_b64decode(found + "=" * (-len(found) % 4))
    write_private(args.file, blob, overwrite=True)
    return 0


def _restore(args: argparse.Namespace) -> int:
    import base64

    blob = base64.urlsafe_b64encode(read_file(args.file, limit=_FILE_LIMIT)).decode().rstrip("=")
    found = open_planes().data(args.vault_name, "POST", "/secrets/restore", {"value": blob})
    say.show(args, without_value(found))
    return 0


def _download(args: argparse.Namespace) -> int:
    vault, name, version = from_id(args)
    check_may_reveal("keyvault secret download")
    found = open_planes().data(
        vault, "GET", f"/secrets/{segment(name)}/{segment(version, may_be_empty=True)}"
    )
    encoding = args.encoding or text(table(found, "tags"), "file-encoding") or "utf-8"
    write_value(args.file, text(found, "value"), encoding, overwrite=bool(args.overwrite))
    return 0


def properties(item: Body) -> Body:
    """Return a secret's metadata as az prints it in lists."""
    id = text(item, "id")
    parts = id.split("/")
    given = table(item, "attributes")
    return {
        "attributes": {  # in the order of az's columns
            "enabled": given.get("enabled"),
            "notBefore": iso(given.get("nbf")),
            "expires": iso(given.get("exp")),
            "created": iso(given.get("created")),
            "updated": iso(given.get("updated")),
            "recoverableDays": given.get("recoverableDays"),
            "recoveryLevel": given.get("recoveryLevel"),
        },
        "contentType": item.get("contentType"),
        "id": id,
        "managed": item.get("managed"),
        "name": parts[4] if len(parts) > 4 else None,
        "tags": item.get("tags"),
    }


def with_value(item: Body) -> Body:
    """Return a secret as az prints what has a value."""
    return {**properties(item), "kid": item.get("kid"), "value": item.get("value")}


def without_value(item: Body) -> Body:
    """Return a secret as az prints what has none."""
    return {**properties(item), "kid": item.get("kid"), "value": None}


def deleted(item: Body) -> Body:
    """Return a deleted secret as az prints it."""
    return {**without_value(item), **_dates(item)}


def _dates(item: Body) -> Body:
    return {
        "deletedDate": iso(item.get("deletedDate")),
        "recoveryId": item.get("recoveryId"),
        "scheduledPurgeDate": iso(item.get("scheduledPurgeDate")),
    }


def _columns(result: object) -> object:
    if not isinstance(result, list):
        return result
    return [
        {
            "Name": item["name"],
            "Id": item["id"],
            "ContentType": item["contentType"] or "",
            "Enabled": item["attributes"]["enabled"],
            "Expires": item["attributes"]["expires"] or "",
        }
        for item in result
    ]


def _attributes(args: argparse.Namespace, enabled: bool | None) -> dict[str, object]:
    given = {"enabled": enabled, "exp": args.expires, "nbf": args.not_before}
    return {name: found for name, found in given.items() if found is not None}


def _vault(args: argparse.Namespace) -> str:
    name: str | None = args.vault_name
    if not name and args.id:
        host = str(args.id).partition("://")[2]
        name = host.partition(".")[0]
    if not name:
        raise WrongUse("--vault-name is missing", hint="devvault keyvault list")
    return name


def _from_deleted_id(args: argparse.Namespace) -> tuple[str, str, str]:
    kind = "deletedsecrets" if args.id and "/deletedsecrets/" in args.id else "secrets"
    return from_id(args, kind)
