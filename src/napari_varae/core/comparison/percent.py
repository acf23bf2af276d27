"""How a share is written."""

__all__ = ["percent"]


def percent(share: float) -> str:
    """Write a share in percent, with the digits that it has."""
    return f"{100 * share:.6g} %"
