from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.doors.budget import Budget


def test_a_mail_of_unknown_size_is_let_in_but_not_into_a_full_house() -> None:
    budget = Budget(10)
    assert budget.lease().grow_to(0)
    full = budget.lease()
    assert full.grow_to(9)
    assert not budget.lease().grow_to(0)
    full.end()
    assert budget.lease().grow_to(0)


def test_a_lease_that_finds_no_room_stays_what_it_was() -> None:
    budget = Budget(10)
    lease = budget.lease()
    assert lease.grow_to(6)
    assert not lease.grow_to(11)
    assert budget.used == 6


def test_a_lease_never_shrinks_before_its_end() -> None:
    budget = Budget(10)
    lease = budget.lease()
    assert lease.grow_to(6) and lease.grow_to(2)
    assert budget.used == 6


def test_a_lease_that_has_ended_twice_gives_back_once() -> None:
    budget = Budget(10)
    one, other = budget.lease(), budget.lease()
    assert one.grow_to(4) and other.grow_to(5)
    one.end()
    one.end()
    assert budget.used == 5


@given(st.lists(st.tuples(st.integers(0, 4), st.one_of(st.none(), st.integers(0, 60)))))
def test_what_is_used_is_the_sum_of_what_is_held_and_never_over_the_limit(
    steps: list[tuple[int, int | None]],
) -> None:
    budget = Budget(100)
    leases = [budget.lease() for _ in range(5)]
    held = [0] * 5
    for n, octets in steps:
        if octets is None:
            leases[n].end()
            held[n] = 0
        elif leases[n].grow_to(octets):
            held[n] = max(held[n], octets, 1)
        assert budget.used == sum(held) <= 100
