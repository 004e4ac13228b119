"""Joining by evidence, over random graphs: Anna, Boris and whoever they may be."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from portal.service.evidence import STRONG, Evidence, Kind, Node, grouped, pair, probable

NODES = [Node("account", 7), Node("account", 8), Node("contact", 41), Node("contact", 42), Node("contact", 43)]
PAIRS = [pair(left, right) for left, right in combinations(NODES, 2)]
EVIDENCE = st.lists(
    st.builds(Evidence, st.sampled_from(PAIRS), st.sampled_from(Kind), st.just("test"), shared=st.booleans()),
    max_size=12,
)


def apart(found: list[Evidence]) -> set[frozenset[Node]]:
    return {frozenset(one.between) for one in found if one.kind is Kind.SAID_NOT}


@given(EVIDENCE, st.randoms())
def test_who_is_one_is_the_same_in_whatever_order_it_was_read(found: list[Evidence], random: object) -> None:
    shuffled = [*found]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert grouped(found).of == grouped(shuffled).of


@given(EVIDENCE)
def test_nobody_is_one_with_whom_a_word_keeps_apart(found: list[Evidence]) -> None:
    groups = grouped(found)
    for two in apart(found):
        left, right = two
        assert right not in groups.with_(left)


@given(EVIDENCE)
def test_everybody_joined_is_joined_by_a_chain_of_strong_evidence(found: list[Evidence]) -> None:
    groups = grouped(found)
    strong = grouped([one for one in found if one.strong])
    for node in NODES:
        assert groups.with_(node) <= strong.with_(node)
    if not apart(found):
        assert groups.of == strong.of
        assert all(one.between[1] in groups.with_(one.between[0]) for one in found if one.strong)


@given(EVIDENCE, st.sampled_from(NODES))
def test_whom_is_probable_is_somebody_else_and_for_a_reason(found: list[Evidence], node: Node) -> None:
    groups = grouped(found)
    me = groups.with_(node)
    for other, reasons in probable(groups, found, me).items():
        assert other not in me
        assert reasons
        for one in reasons:
            assert frozenset(one.between) not in apart(found)
            assert not one.strong or one in groups.refused


def test_strong_evidence_that_is_shared_joins_nobody() -> None:
    """The control of all of the above: each strong kind joins, and does not once it is shared."""
    for kind in STRONG:
        one = Evidence(PAIRS[0], kind, "test")
        assert PAIRS[0][1] in grouped([one]).with_(PAIRS[0][0])
        assert not grouped([Evidence(PAIRS[0], kind, "test", shared=True)]).of
