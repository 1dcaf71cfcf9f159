"""The order in which messages are shown to whoever records calls."""

from tests.callengine.edge.scene import Scene


def watched(scene: Scene) -> list[tuple[str | None, str, str]]:
    """Have every message noted as leg token, direction, and method or code."""
    seen: list[tuple[str | None, str, str]] = []
    scene.edge.observer = lambda token, way, _, data: seen.append(
        (token, way, data.split(b" ")[1 if data.startswith(b"SIP/2.0") else 0].decode())
    )
    return seen


async def test_the_observer_sees_a_call_in_order_and_its_leg_from_the_first_ringing_on(
    scene: Scene,
) -> None:
    seen = watched(scene)
    await scene.answered()
    assert [entry for entry in seen if entry[0] in ("TOKENA", None)] == [
        (None, "in", "INVITE"),
        (None, "out", "100"),
        ("TOKENA", "out", "180"),
        ("TOKENA", "out", "200"),
        ("TOKENA", "in", "ACK"),
    ]


async def test_the_observer_sees_a_repeated_request_before_its_repeated_answer(
    scene: Scene,
) -> None:
    await scene.answered()
    seen = watched(scene)
    request = scene.in_dialog("OPTIONS", 2)
    for _ in range(2):
        scene.peer.send(request, scene.sip)
        await scene.peer.expect(200)
    assert seen == [("TOKENA", "in", "OPTIONS"), ("TOKENA", "out", "200")] * 2
