"""What every test may use."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester", "tests.leftovers", "tests.services"]

# A busy machine is slow, not wrong: how long a thing may take is for the measurements. Each run
# tries the same examples, so that what fails was made to; --hypothesis-profile=search tries others.
# A fixture is made once for all examples of a test, and who wrote the test knows it.
settings.register_profile(
    "house",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("search", settings.get_profile("house"), derandomize=False)
settings.load_profile("house")
