"""The parliamentary election of 16 March 2014 in Serbia: its national totals and the official allocation of the seats.

Source: Republic Electoral Commission (Републичка изборна комисија) of Serbia, the final results of that election.
"""

from dataclasses import dataclass

TITLE = "Избори за народне посланике, 16. март 2014."
SEATS = 250
BALLOTS_IN_BOX = 3_590_717
VALID_VOTES = 3_476_716
POLLING_STATIONS = 8_387
# Cities, municipalities and states abroad that the polling stations belonged to.
MUNICIPALITIES = 204


@dataclass(frozen=True)
class ElectoralList:
    """A list on the ballot, with the votes it got and the seats that the commission gave it.

    ``minority``: it was registered as the list of a national minority, for which the threshold of five per cent did
    not hold.
    """

    poll_number: int
    name: str
    votes: int
    seats: int
    minority: bool = False


LISTS = (
    ElectoralList(1, "АЛЕКСАНДАР ВУЧИЋ - СНС, СДПС, НС, СПО, ПС", 1_736_920, 158),
    ElectoralList(2, "ИВИЦА ДАЧИЋ - СПС, ПУПС, ЈС", 484_607, 44),
    ElectoralList(3, "ДЕМОКРАТСКА СТРАНКА СРБИЈЕ - ВОЈИСЛАВ КОШТИНИЦА", 152_436, 0),
    ElectoralList(4, "ЧЕДОМИР ЈОВАНОВИЋ - ЛДП, БДЗС, СДУ", 120_879, 0),
    ElectoralList(5, "САВЕЗ ВОЈВОЂАНСКИХ МАЂАРА - ИШТВАН ПАСТОР", 75_294, 6, minority=True),
    ElectoralList(6, "СРПСКА РАДИКАЛНА СТРАНКА - ДР ВОЈИСЛАВ ШЕШЕЉ", 72_303, 0),
    ElectoralList(7, "УЈЕДИЊЕНИ РЕГИОНИ СРБИЈЕ - МЛАЂАН ДИНКИЋ", 109_167, 0),
    ElectoralList(8, "СА ДЕМОКРАТСКОМ СТРАНКОМ ЗА ДЕМОКРАТСКУ СРБИЈУ", 216_634, 19),
    ElectoralList(9, "ДВЕРИ - БОШКО ОБРАДОВИЋ", 128_458, 0),
    ElectoralList(10, "СДА САНЏАКА - ДР СУЛЕЈМАН УГЉАНИН", 35_157, 3, minority=True),
    ElectoralList(11, "БОРИС ТАДИЋ - НДС, ЛСВ, ЗЗС, ВМДК, ЗЗВ, ДЛР", 204_767, 18),
    ElectoralList(12, "ТРЕЋА СРБИЈА - ЗА СВЕ ВРЕДНЕ ЉУДЕ", 16_206, 0),
    ElectoralList(13, "ЦРНОГОРСКА ПАРТИЈА - ЈОСИП БРОЗ", 6_388, 0, minority=True),
    ElectoralList(14, "ЛИСТА НАЦИОНАЛНИХ ЗАЈЕДНИЦА - ЕМИР ЕЛФИЋ", 3_983, 0, minority=True),
    ElectoralList(15, "ДОСТА ЈЕ БИЛО - САША РАДУЛОВИЋ", 74_973, 0),
    ElectoralList(16, "КОАЛИЦИЈА ГРАЂАНА СВИХ НАРОДА И НАРОДНОСТИ", 3_182, 0),
    ElectoralList(17, 'ГРУПА ГРАЂАНА "ПАТРИОТСКИ ФРОНТ"', 4_514, 0),
    ElectoralList(18, "РУСКА СТРАНКА - СЛОБОДАН НИКОЛИЋ", 6_547, 0, minority=True),
    ElectoralList(19, "ПАРТИЈА ЗА ДЕМОКРАТСКО ДЕЛОВАЊЕ - РИЗА ХАЛИМИ", 24_301, 2, minority=True),
)
