"""The house as its tests see it: every module, what it imports (late imports too), its text."""

import ast
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "devvault"


class Import(NamedTuple):
    module: str
    line: int
    late: bool


class Module(NamedTuple):
    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The package below devvault, "ground" for what stands beside them."""
        parts = self.name.split(".")
        if len(parts) > 2 or (len(parts) == 2 and self.path.name == "__init__.py"):
            return parts[1]
        return "ground"

    @property
    def is_face(self) -> bool:
        return self.path.name == "__init__.py"


@cache
def modules() -> dict[str, Module]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = list(path.relative_to(ROOT).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        text = path.read_text(encoding="utf-8")
        name = ".".join(parts)
        found[name] = Module(name, path, text, ast.parse(text))
    return found


@cache
def imports(name: str) -> tuple[Import, ...]:
    """Every import of a module, whatever it stands in; of ours, the module and not the name."""
    module = modules()[name]
    found = []
    top = set(module.tree.body)
    for node in ast.walk(module.tree):
        late = node not in top
        if isinstance(node, ast.Import):
            found += [Import(alias.name, node.lineno, late) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = name.split(".") if module.is_face else name.split(".")[:-1]
                parts = parts[: len(parts) - node.level + 1]
                base = ".".join([*parts, base]) if base else ".".join(parts)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                found.append(Import(inner if inner in modules() else base, node.lineno, late))
    return tuple(found)


def is_ours(module: str) -> bool:
    return module == "devvault" or module.startswith("devvault.")


def is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names
