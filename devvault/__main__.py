"""`python -m devvault`: the full command line."""

from __future__ import annotations

import sys

from devvault.cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
