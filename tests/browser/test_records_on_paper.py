"""The records as they are printed: on A4, with every figure and the signature, and nothing cut."""

from hashlib import sha256
from io import BytesIO

from pypdf import PdfReader

from shared.signed_records import Signed
from tests.browser.test_results_pages import BLANK, VOTES, Night, night

__all__ = ["night"]
A4 = (595, 842)
# What 210 mm less two margins of 16 mm are in pixels of CSS, and what the width of the paper is to media queries.
PRINTED, PAPER = 672, 794
BEYOND = f"""[...document.querySelectorAll('.record *')]
  .filter((one) => !one.closest('.unseen, .phone-only') && one.getBoundingClientRect().right > {PRINTED} + 1)
  .map((one) => one.outerHTML)"""


def test_a_record_is_printed_with_every_figure_and_its_signature(night: Night) -> None:
    for whole, language in ((True, "sr_Cyrl"), (False, "sr_Cyrl"), (True, "en")):
        assert_printed_whole(night, whole, language)


def assert_printed_whole(night: Night, whole: bool, language: str) -> None:
    page = night.page(viewport={"width": PAPER, "height": 1123})
    station = night.stations[0]
    page.goto(f"{night.address}/protocol{'' if whole else f'/station/{station}'}?language={language}")
    paper = PdfReader(BytesIO(page.pdf(prefer_css_page_size=True)))
    sheets = [sheet.extract_text() for sheet in paper.pages]
    assert {(round(sheet.mediabox.width), round(sheet.mediabox.height)) for sheet in paper.pages} == {A4}
    assert all(len(sheet) > 100 for sheet in sheets), f"A sheet with hardly anything on it: {sheets}"
    text = " ".join("".join(sheets).split())

    shares = (0.3, 0.25, 0.2, 0.15) if whole else (0.3,)
    mark = "," if language == "en" else "."
    for number, votes in enumerate(VOTES, 1):
        counted = sum(int(votes * share) for share in shares)
        assert f"{counted:,}".replace(",", mark) in text, f"The votes of list {number} are on no sheet."
    assert f"{BLANK:,}".replace(",", mark) in text
    # In letters that can be searched and copied, and not in the forms that a font has for them.
    assert text.count("Листа број") >= len(VOTES) - 1
    assert "<script>alert(1)" in text

    path = f"/api/elections/{night.election}/record{'' if whole else f'/stations/{station}'}"
    _, _, file = night.service.get(f"{path}/signed")
    signed = Signed.of(file)
    proof = [sheet for sheet in sheets if signed.signature in "".join(sheet.split())]
    assert len(proof) == 1
    for shown in (sha256(signed.content).hexdigest(), page.locator("#signing-key").inner_text(), f"{path}/signed"):
        assert shown in "".join(proof[0].split())

    page.emulate_media(media="print")
    page.evaluate(f"document.documentElement.style.width = '{PRINTED}px'")
    assert page.evaluate(BEYOND) == []
