"""One mail: decide, relay, commit, answer, in that order (design law 3).

policy      what a door wants
planning    who might be asked, and what must be locked
walking     who is asked about one recipient, and what they say
deciding    one recipient after another, into decisions
wanted      what handlers want to become true
act         one attempt at a unit of work
settling    the fold, the relay, the commit
keeping     what we put on disk ourselves
engine      all of it, and the answer
"""

from lamsonproxy.engine.engine import Engine
from lamsonproxy.engine.policy import DoorPolicy, OnError

__all__ = ["DoorPolicy", "Engine", "OnError"]
