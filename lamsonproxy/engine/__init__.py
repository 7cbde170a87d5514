"""One mail: decide, relay, commit, answer, in that order (design law 3).

policy      what a door wants
deciding    handlers, one recipient after another
settling    the fold, the relay, the commit
keeping     what we put on disk ourselves
engine      all of it, and the answer
"""

from lamsonproxy.engine.engine import Engine
from lamsonproxy.engine.policy import DoorPolicy, OnError

__all__ = ["DoorPolicy", "Engine", "OnError"]
