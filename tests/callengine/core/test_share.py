"""Which of several engines sees to a trunk."""

from callengine.core.share import is_mine

TRUNKS = [f"carrier-{n}" for n in range(200)]


def owner(trunk: str, nodes: set[str]) -> str:
    (one,) = (node for node in nodes if is_mine(trunk, node=node, nodes=nodes))
    return one


def test_exactly_one_node_sees_to_each_trunk_and_all_have_some() -> None:
    owners = [owner(trunk, {"a", "b", "c"}) for trunk in TRUNKS]
    assert all(owners.count(node) > 30 for node in "abc")


def test_a_node_that_goes_moves_its_own_share_alone() -> None:
    for trunk in TRUNKS:
        before = owner(trunk, {"a", "b", "c"})
        assert before == "c" or owner(trunk, {"a", "b"}) == before


def test_a_node_that_is_not_listed_yet_counts_itself() -> None:
    assert all(is_mine(trunk, node="a", nodes=()) for trunk in TRUNKS)
