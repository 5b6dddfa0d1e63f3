"""Who enters a tally sheet or decides about it: a person, whatever account they use at the moment."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """Somebody by the email address of their account and their national id; empty where it is not known.

    The address is what people are shown. A deleted account's address may be another person's by now, and a person may
    come back with another address; so who somebody is says the national id.
    """

    email: str
    jmbg: str = ""

    def is_same(self, other: "Person") -> bool:
        """Whether both are one person; by the address where the national id of one of them is not known."""
        if self.jmbg and other.jmbg:
            return self.jmbg == other.jmbg
        return self.email.casefold() == other.email.casefold()
