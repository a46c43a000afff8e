from tests.resolver.conftest import clean, project, running

__all__ = ["clean", "project", "running"]
