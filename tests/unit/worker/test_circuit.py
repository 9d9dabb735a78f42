"""When a provider is not asked any more, and how it is tried again."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from atelier_worker.circuit import OUTAGES, REFUSALS, Breaker, Circuit
from atelier_worker.ports import Fault

BREAKER = Breaker()
OUTAGE = st.sampled_from(sorted(OUTAGES))
REFUSAL = st.sampled_from(sorted(REFUSALS))


def failed(circuit: Circuit, fault: Fault, *, probe: bool = False, now: float = 0.0) -> Circuit:
    return circuit.failed(fault, probe=probe, now=now, breaker=BREAKER)


@given(st.lists(OUTAGE, min_size=5, max_size=5))
def test_five_failures_in_a_row_open_it(faults: list[Fault]) -> None:
    circuit = Circuit()
    for fault in faults:
        assert circuit.permits(0)
        circuit = failed(circuit, fault)
    assert not circuit.permits(0)
    assert (circuit.until, circuit.fault) == (BREAKER.first, faults[-1])


def test_a_success_between_starts_the_count_again() -> None:
    circuit = Circuit()
    for _ in range(20):
        for _ in range(BREAKER.failures - 1):
            circuit = failed(circuit, Fault.OVERLOADED)
        circuit = circuit.succeeded(probe=False)
        assert circuit == Circuit()


@given(REFUSAL)
def test_what_a_person_must_mend_opens_it_at_once_and_for_long(fault: Fault) -> None:
    circuit = failed(Circuit(), fault)
    assert circuit.until == BREAKER.first_refusal
    assert circuit.fault is fault


def test_it_stays_open_as_long_as_the_provider_asks() -> None:
    circuit = Circuit(failures=4)
    circuit = circuit.failed(
        Fault.OVERLOADED, probe=False, now=10, breaker=BREAKER, retry_after=700
    )
    assert circuit.until == 710


@given(st.integers(1, 200), st.one_of(OUTAGE, REFUSAL))
def test_each_failed_probe_waits_longer_up_to_a_bound(probes: int, fault: Fault) -> None:
    circuit, now, waits = Circuit(failures=4), 0.0, []
    for _ in range(probes):
        circuit = failed(circuit.begun(), fault, probe=not circuit.closed, now=now)
        assert circuit.until is not None
        waits.append(circuit.until - now)
        now = circuit.until
        assert circuit.permits(now)
    assert waits == sorted(waits)
    assert waits[-1] <= BREAKER.longest_refusal + 1e-3


def test_an_abandoned_probe_lets_the_next_one_through_and_a_good_one_closes_it() -> None:
    circuit = Circuit(until=5.0, openings=3, fault=Fault.TIMEOUT).begun()
    assert not circuit.permits(6)
    circuit = circuit.abandoned()
    assert circuit.permits(6)
    assert circuit.begun().succeeded(probe=True) == Circuit()


class Life(RuleBasedStateMachine):
    """Whatever comes in whatever order, from calls sent before and after it opened."""

    def __init__(self) -> None:
        super().__init__()
        self.circuit, self.now = Circuit(), 0.0
        self.ordinary = 0
        self.probes = 0

    @rule(seconds=st.floats(0, 1_000))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.circuit.permits(self.now))
    @rule()
    def begin(self) -> None:
        if self.circuit.closed:
            self.ordinary += 1
        else:
            self.probes += 1
        self.circuit = self.circuit.begun()

    @precondition(lambda self: self.ordinary)
    @rule(fault=st.none() | OUTAGE | REFUSAL)
    def end_one(self, fault: Fault | None) -> None:
        before = self.circuit
        self.ordinary -= 1
        if fault is None:
            self.circuit = before.succeeded(probe=False)
        else:
            self.circuit = failed(before, fault, now=self.now)
        assert before.closed or self.circuit == before, "it was sent before that opened"

    @precondition(lambda self: self.probes)
    @rule(fault=st.none() | OUTAGE | REFUSAL)
    def end_probe(self, fault: Fault | None) -> None:
        self.probes -= 1
        if fault is None:
            self.circuit = self.circuit.succeeded(probe=True)
            assert self.circuit.closed
        else:
            self.circuit = failed(self.circuit, fault, probe=True, now=self.now)
            assert not self.circuit.permits(self.now)

    @precondition(lambda self: self.probes)
    @rule()
    def lose_probe(self) -> None:
        self.probes -= 1
        self.circuit = self.circuit.abandoned()

    @invariant()
    def one_probe_at_most(self) -> None:
        assert self.probes == int(self.circuit.probing)

    @invariant()
    def it_never_stays_shut(self) -> None:
        if not self.circuit.probing:
            assert self.circuit.permits(self.now + BREAKER.longest_refusal)

    @invariant()
    def an_open_one_says_why(self) -> None:
        assert self.circuit.closed or self.circuit.fault is not None


TestLife = Life.TestCase
