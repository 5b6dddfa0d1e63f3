"""When votes are held back, in one place: nobody who tells votes may decide it another way (docs/decisions/0030)."""

from shared.terms import State


def are_votes_held_back(ballot_key: str | None, state: State) -> bool:
    """Whether no votes of an election in this state are told; those of one without a ballot key always are.

    Not by the clock: what was cast last is counted a moment after the end, by itself. A part that was laid aside may
    hold a single ballot, which would show on the day it is replayed. Final is when neither can come any more.
    """
    return ballot_key is not None and state is not State.FINAL
