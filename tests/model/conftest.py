from design.conftest import build, check_parts_fixture, refused, table

__all__ = ["build", "check_parts_fixture", "refused", "table"]
