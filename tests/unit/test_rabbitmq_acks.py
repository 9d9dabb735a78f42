"""Coalesced acks against a model of what the server does with them."""

from hypothesis import given
from hypothesis import strategies as st

from atelier_core.adapters.rabbitmq_settle import Acks


class Server:
    """Closes the channel on a tag it does not know as unsettled, as RabbitMQ does."""

    def __init__(self) -> None:
        self.unsettled: set[int] = set()
        self.acked: set[int] = set()
        self.returned: set[int] = set()

    def ack(self, tag: int, *, multiple: bool) -> None:
        assert tag in self.unsettled, f"PRECONDITION_FAILED unknown delivery tag {tag}"
        tags = {t for t in self.unsettled if t <= tag} if multiple else {tag}
        self.unsettled -= tags
        self.acked |= tags

    def nack(self, tag: int) -> None:
        assert tag in self.unsettled, f"PRECONDITION_FAILED unknown delivery tag {tag}"
        self.unsettled.remove(tag)
        self.returned.add(tag)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("deliver"), st.integers(1, 5)),
        st.tuples(st.sampled_from(["done", "back"]), st.integers(0, 20)),
        st.tuples(st.just("flush"), st.just(0)),
    ),
    max_size=60,
)


@given(STEPS)
def test_the_server_learns_exactly_what_became_of_each_message(
    steps: list[tuple[str, int]],
) -> None:
    acks, server = Acks(), Server()
    in_hand: list[int] = []
    delivered = 0
    done: set[int] = set()
    back: set[int] = set()

    def flush() -> None:
        returned, upto, alone = acks.due()
        for tag in returned:
            server.nack(tag)
        if upto:
            server.ack(upto, multiple=True)
        for tag in alone:
            server.ack(tag, multiple=False)
        assert (server.acked, server.returned) == (done, back)
        assert server.unsettled == set(in_hand)

    for what, number in steps:
        match what:
            case "deliver":
                new = range(delivered + 1, delivered + 1 + number)
                delivered += number
                server.unsettled |= set(new)
                in_hand += new
            case "done" | "back" if in_hand:
                tag = in_hand.pop(number % len(in_hand))
                (done if what == "done" else back).add(tag)
                getattr(acks, what)(tag)
            case "flush":
                flush()
    flush()
    assert acks.due() == ([], 0, [])


def test_what_is_settled_in_order_is_one_ack() -> None:
    acks = Acks()
    for tag in range(1, 101):
        acks.done(tag)
    assert acks.due() == ([], 100, [])
    acks.done(102)
    acks.done(103)
    assert acks.due() == ([], 0, [102, 103])
    acks.done(101)
    assert acks.due() == ([], 101, [])
    acks.done(104)
    assert acks.due() == ([], 104, [])
