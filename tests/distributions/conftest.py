from spec.conftest import raised, refuses

__all__ = ["raised", "refuses"]
