"""The time, for everyone. Nothing else asks the system for it, so a test that travels in time moves the whole house."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present, in UTC, to the microsecond."""
    return datetime.now(UTC)


def epoch(at: datetime) -> int:
    """Whole seconds since 1970, as JWT's NumericDate wants them (RFC 7519 §2)."""
    return int(at.timestamp())
