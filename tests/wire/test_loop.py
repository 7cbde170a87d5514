"""A relay that leads back to a door of the same service (design law 8; failures.md 2.7 C6)."""

import time

import pytest

from lamsonproxy.errors import RemoteError
from lamsonproxy.relay import RelaySettings, SmtpCourier
from lamsonproxy.service.desks import EngineDesk
from tests.door_rig import CONTENT, open_rig, rules
from tests.doubles import RecordingDesk
from tests.engine_rig import BARE
from tests.engine_rig import Rig as EngineRig
from tests.relay_rig import SystemClock, envelope


@pytest.mark.fault("C6")
@pytest.mark.parametrize("lmtp", [False, True], ids=["filter", "lmtp"])
async def test_a_door_of_our_own_is_known_by_its_greeting_and_given_nothing(lmtp: bool) -> None:
    async with open_rig(lmtp=lmtp, limits=rules(instance="mx-1")) as rig:
        courier = SmtpCourier(RelaySettings("127.0.0.1", rig.port, "mx", instance="mx-1"), SystemClock())
        with pytest.raises(
            RemoteError, match=r"loop at banner: 220 door.test .*relay.port lead to a door of our own"
        ):
            async with courier.offer(envelope(), deadline=time.monotonic() + 10):
                pass
        assert not rig.desk.mails
        await courier.close()


@pytest.mark.fault("C6")
@pytest.mark.parametrize("instance", ["mx-2", "mx-1", ""])
async def test_a_door_of_another_service_is_any_downstream(instance: str) -> None:
    async with open_rig(limits=rules(instance="mx-10")) as rig:
        courier = SmtpCourier(RelaySettings("127.0.0.1", rig.port, "mx", instance=instance), SystemClock())
        async with courier.offer(envelope(), deadline=time.monotonic() + 10) as offer:
            assert offer.refusal is None and (await offer.deliver((CONTENT,))).is_positive
        await courier.close()


@pytest.mark.fault("C6")
async def test_mail_that_would_go_round_is_451_and_the_log_names_the_remedy() -> None:
    desk = RecordingDesk()
    async with open_rig(desk=desk, limits=rules(instance="filter-1")) as rig:
        settings = RelaySettings("127.0.0.1", rig.port, "mx", instance="filter-1")
        courier = SmtpCourier(settings, SystemClock())
        engine = EngineRig(courier=courier, clock=SystemClock())
        desk.behind = EngineDesk(engine.engine, BARE).settle
        client = await rig.greeted()
        await client.begin_data()
        assert (await client.ask(CONTENT + b".\r\n")).startswith("451 4.3.0 Temporary processing failure")
        [told] = engine.log.named("relay_failed")
        assert told["error"].kind == "loop" and "relay.host and relay.port" in str(told["error"])
        assert desk.begun == 1
        await courier.close()
