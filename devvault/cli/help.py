"""`devvault help [TOPIC]`: the manual, a file a topic, printed as it is; no pager.

A verb that has no page of its own is described as its `--help` does.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from devvault.cli import say
from devvault.cli.main import VERBS, is_built
from devvault.cli.main import main as verb_main
from devvault.errors import NotFound, Unavailable, WrongUse

FOLDER = Path(__file__).resolve().parents[1] / "help"
FIRST = "security"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb."""
    parser.description = "Print a page of the manual, or the list of its pages."
    parser.epilog = "example: devvault help security"
    parser.add_argument("topic", metavar="TOPIC", nargs="?", help="a page of the manual, or a verb")


def main(args: argparse.Namespace) -> int:
    """Print the page."""
    pages = find_pages()
    if args.topic is None:
        say.line("The manual of devvault; `devvault help TOPIC` prints a page.\n")
        width = max(len(topic) for topic in pages)
        for topic, path in pages.items():
            say.line(f"  {topic:<{width}}  {title_of(path)}")
        say.line("\n`devvault --help` lists the verbs, `devvault VERB --help` describes one.")
        return 0
    if not args.topic:
        raise WrongUse("the topic is empty", hint="devvault help")
    wanted = args.topic.lower().removesuffix(".md")
    if wanted not in pages and wanted in VERBS and is_built(wanted):
        return verb_main([wanted, "--help"])
    if wanted not in pages:
        raise NotFound(
            f"there is no page {say.printable(args.topic)}; there are {', '.join(pages)}",
            hint="devvault help",
        )
    say.put(pages[wanted].read_text(encoding="utf-8"))
    return 0


def find_pages() -> dict[str, Path]:
    """Return topic -> file, by name; what is defended, and what is not, comes first.

    Raises:
        Unavailable: this installation has no manual.
    """
    found = sorted(FOLDER.glob("*.md"), key=lambda path: (path.stem != FIRST, path.stem))
    pages = {path.stem: path for path in found}
    if not pages:
        raise Unavailable("this installation has no manual", hint="pip install devvault")
    return pages


def title_of(path: Path) -> str:
    """Return a page's title: its first line, without the mark."""
    with path.open(encoding="utf-8") as file:
        return file.readline().lstrip("# ").strip()
