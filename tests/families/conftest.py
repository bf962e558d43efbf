from spec.conftest import refuses

__all__ = ["refuses"]
