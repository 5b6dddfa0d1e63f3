"""Refusals with values in them, as pages say them in the language of who reads."""

from io import BytesIO

import pytest

from tests.services.administration import Administration
from tests.services.signed_in import SignedIn

# The first line has too few values, the second too many, the last a code that stands before and is no markup.
WRONG = """municipality,station,registered
Ада,Ада 1
Ада,Ада 2,705,1,2
Ада,<b>Ада</b>,700
Ада,<b>Ада</b>,700
"""


@pytest.mark.parametrize(
    ("language", "sentences", "missing"),
    [
        (
            "sr_Cyrl",
            (
                "Овај ред има 2 вредности, а заглавље наводи 3 колоне.",
                "Овај ред има 5 вредности, а заглавље наводи 3 колоне.",
                "Бирачко место &lt;b&gt;Ада&lt;/b&gt; већ стоји у реду 4.",
            ),
            "Није пронађено: учесник 123456.",
        ),
        (
            "sr_Latn",
            ("Ovaj red ima 5 vrednosti, a zaglavlje navodi 3 kolone.", "već stoji u redu 4."),
            "Nije pronađeno: učesnik 123456.",
        ),
        (
            "fr",
            ("Cette ligne a 5 valeurs, et l’en-tête nomme 3 colonnes.", "figure déjà à la ligne 4."),
            "Introuvable : participant 123456.",
        ),
        (
            "en",
            ("This line has 5 values, and the header names 3 columns.", "stands in line 4 already."),
            "There is no participant 123456.",
        ),
    ],
)
def test_a_refusal_with_values_is_in_the_language_of_the_page(
    admin: Administration, ana: SignedIn, language: str, sentences: tuple[str, ...], missing: str
) -> None:
    # A number that names something is no count: it is not grouped.
    shown = ana.see(f"/participants/123456?language={language}", 404)
    assert missing in shown
    assert '<span lang="en">' not in shown
    preview = ana.send("/stations/import/preview", file=(BytesIO(WRONG.encode()), "stations.csv")).text
    for sentence in sentences:
        assert sentence in preview
    assert '<span lang="en">' not in preview
    assert "<b>" not in preview
    # Programs are answered in English, whatever the language of the pages is.
    refused = admin.call("POST", "/api/polling-stations/import", data=WRONG.encode()).json or {}
    assert refused["detail"] == (
        "Line 2, line: This line has 2 values, and the header names 3 columns. Wrong lines in all: 3. "
        "Nothing was imported."
    )
