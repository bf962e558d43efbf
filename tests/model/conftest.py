from design.conftest import build, refused, says_fixture, table

__all__ = ["build", "refused", "says_fixture", "table"]
