"""What a client does about a number: the ranges of docs/protocol.md, and how long it waits."""

from __future__ import annotations

import enum
import random

FIRST_DELAY_S = 0.3
LONGEST_DELAY_S = 30.0
ELSEWHERE_DELAY_S = 3.0


class Reaction(enum.Enum):
    RECONNECT = "reconnect"
    ELSEWHERE = "elsewhere"
    LOG_IN = "log in"
    GIVE_UP = "give up"


def reaction(code: int | None) -> Reaction:
    """For the code of a close, of a fatal error or of a refused handshake; None is a connection that just broke."""
    if code is not None and 4100 <= code <= 4199:
        return Reaction.ELSEWHERE
    if code is not None and 4200 <= code <= 4299:
        return Reaction.LOG_IN
    if code is not None and 4300 <= code <= 4399:
        return Reaction.GIVE_UP
    # 4000 to 4099, the codes of WebSockets themselves (a proxy's 1001, a crash's 1006), and what is not known.
    return Reaction.RECONNECT


def is_retryable(code: int) -> bool:
    """Whether a refusal only means "not now"."""
    return 1400 <= code <= 1499


def delay_s(attempt: int) -> float:
    """How long to wait before the attempt after `attempt` failed ones: exponential, and never two clients alike."""
    longest = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** min(attempt, 10))
    return longest * random.uniform(0.5, 1.0)
