"""Checks of settings, for the `__post_init__` of a config: each names the field that it refuses."""

from __future__ import annotations


def not_negative(config: object, *names: str) -> None:
    """Refuse a config in which one of the fields `names` is negative or no number.

    Raises:
        ValueError: naming the field.
    """
    for name in names:
        if not getattr(config, name) >= 0:
            raise ValueError(f"{name} must be at least 0, got {getattr(config, name)}")


def positive(config: object, *names: str) -> None:
    """Refuse a config in which one of the fields `names` is not above 0.

    Raises:
        ValueError: naming the field.
    """
    for name in names:
        if not getattr(config, name) > 0:
            raise ValueError(f"{name} must be above 0, got {getattr(config, name)}")


def at_least_one(config: object, *names: str) -> None:
    """Refuse a config in which one of the fields `names` is below 1.

    Raises:
        ValueError: naming the field.
    """
    for name in names:
        if getattr(config, name) < 1:
            raise ValueError(f"{name} must be at least 1, got {getattr(config, name)}")


def within_one(config: object, *names: str) -> None:
    """Refuse a config in which one of the fields `names` is neither None nor in [0, 1].

    Raises:
        ValueError: naming the field.
    """
    for name in names:
        if not 0 <= (getattr(config, name) or 0) <= 1:
            raise ValueError(f"{name} must be in [0, 1], got {getattr(config, name)}")
