"""What every test may use."""

from hypothesis import settings

pytest_plugins = ["pytester", "tests.services"]

# A busy machine is slow, not wrong: how long a thing may take is for the measurements.
settings.register_profile("house", deadline=None)
settings.load_profile("house")
