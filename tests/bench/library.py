"""What an app pays for reading its settings itself: 100 references against one, and the import."""

import importlib.util
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from tests.bench.measure import Command, Row, race
from tests.bench.start import ROUNDS_OF_LIBRARY, installed
