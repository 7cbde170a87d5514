"""The byte budget: how much mail may be in flight at once, so that the kernel never has to choose whom to kill.

Law: what is asked for beyond the budget is refused at once and never waited for: Postfix has a queue, we have not.
"""


class Budget:
    """A number of octets shared by all sessions of a process."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    def lease(self) -> "Lease":
        return Lease(self)


class Lease:
    """One session's share. It grows with the mail and is given back when the mail is settled."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._held = 0

    def grow_to(self, octets: int) -> bool:
        """Hold this many octets in all, never fewer than now; False, and nothing changes, when there is no room.

        A mail of unknown size (0) asks for one octet: it is let in, but not into a full house.
        """
        more = max(octets, 1) - self._held
        if more <= 0:
            return True
        if self._budget.used + more > self._budget.limit:
            return False
        self._budget.used += more
        self._held += more
        return True

    def end(self) -> None:
        self._budget.used -= self._held
        self._held = 0
