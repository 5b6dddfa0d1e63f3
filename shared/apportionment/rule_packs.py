"""Rules that have a name, so that an administrator chooses a statute instead of typing eight fields.

What was checked for each, and what was not, stands in ``docs/apportionment.md``.
"""

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from shared.apportionment.rules import Rules
from shared.terms import FactorScope, Method, Scope, ThresholdBase, TiePolicy

CLASSIC: Final = Rules(
    seats=250,
    method=Method.DHONDT,
    threshold=Fraction(5, 100),
    threshold_base=ThresholdBase.VALID_VOTES,
    tie_policy=TiePolicy.LOWER_POLL_NUMBER,
)
"""The rules of the classic API: 250 seats, D'Hondt, 5 % of the valid votes, ties to the lower poll number.

It knows no exempt lists; whoever applies it marks no entry as exempt.
"""

SERBIA_2014: Final = Rules(
    seats=250,
    method=Method.DHONDT,
    threshold=Fraction(5, 100),
    threshold_base=ThresholdBase.BALLOTS_CAST,
    tie_policy=TiePolicy.MORE_VOTES,
    waive_if_none_reach=True,
)
"""The National Assembly of Serbia, elected in 2014.

Law on the Election of Members of Parliament (Official Gazette RS 35/2000 with its amendments until 36/2011):
article 81 sets the threshold of 5 % of the votes of the voters who voted, and lets the lists of parties of
national minorities take part below it; article 82 divides by 1 to 250 and takes the 250 largest quotients,
and by its paragraph 5 waives the threshold when no list reaches it.
"""

SERBIA_2020: Final = Rules(
    seats=250,
    method=Method.DHONDT,
    threshold=Fraction(3, 100),
    threshold_base=ThresholdBase.BALLOTS_CAST,
    exempt_factor=Fraction(135, 100),
    factor_scope=FactorScope.EXEMPT_BELOW_THRESHOLD,
    tie_policy=TiePolicy.MORE_VOTES,
    waive_if_none_reach=True,
)
"""The same law after the amendments of February 2020 (Official Gazette RS 12/2020).

They put 3 % in place of 5 % in article 81, paragraph 1, and in article 82, paragraph 5, and raise the quotients
of the lists of national minorities by 35 % in article 81, paragraph 2. Here the factor is given only to those
lists that are under the threshold.
"""

SPAIN_CONGRESS: Final = Rules(
    seats=350,
    method=Method.DHONDT,
    threshold=Fraction(3, 100),
    threshold_base=ThresholdBase.VALID_VOTES,
    tie_policy=TiePolicy.MORE_VOTES,
    apportioned=Scope.CONSTITUENCY,
    threshold_over=Scope.CONSTITUENCY,
)
"""The Congress of Deputies of Spain.

Ley Orgánica 5/1985, de 19 de junio, del Régimen Electoral General: article 161 makes each province a constituency, and
Ceuta and Melilla one each; article 162 gives 350 seats; article 163.1 a) leaves lists aside that do not have at least
3 % of the valid votes of the constituency, b) and c) divide by 1, 2, 3 … and give the seats to the largest quotients,
d) gives a tied seat to the list with more votes in the constituency.
"""

RULE_PACKS: Final[Mapping[str, Rules]] = MappingProxyType(
    {"classic": CLASSIC, "serbia_2014": SERBIA_2014, "serbia_2020": SERBIA_2020, "spain_congress": SPAIN_CONGRESS}
)
"""Every named set of rules, by the name that an election is created with."""
