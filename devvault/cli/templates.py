"""The starters that `devvault init --template` copies; a file that is there is never touched."""

from __future__ import annotations

from pathlib import Path

from devvault.cli import say
from devvault.errors import Unavailable, WrongUse


def find_templates(names: list[str]) -> list[Path]:
    """Return the folders of some starters, in the installed package or the source tree.

    Raises:
        WrongUse: there is no starter of that name.
    """
    if not names:
        return []
    package = Path(__file__).resolve().parents[1]
    places = (package / "templates", package.parent / "templates")
    root = next((place for place in places if place.is_dir()), None)
    if root is None:
        raise Unavailable("this installation has no starters", hint="pip install devvault")
    known = {path.name: path for path in sorted(root.iterdir()) if path.is_dir()}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise WrongUse(
            f"there is no starter {say.printable(unknown[0])}; there are {', '.join(known)}",
            hint="devvault init --help",
        )
    return [known[name] for name in names]


def copy_templates(templates: list[Path], folder: Path) -> None:
    """Copy starters into a folder, at the same paths below it."""
    for template in templates:
        for source in sorted(path for path in template.rglob("*") if path.is_file()):
            below = source.relative_to(template)
            target = folder / below
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as file:
                    file.write(source.read_bytes())
            except FileExistsError:
                say.note(f"{below} is there already, and stays as it is")
            except OSError as error:
                raise Unavailable(f"cannot write {target}: {error.strerror}") from error
            else:
                say.tell(f"wrote {below}")
