"""The catalogues of messages, held against what templates and code say."""

import re

import pytest

from shared.web.pages.language import KEPT_BY_HAND, LANGUAGES, Catalogues, messages, preferred
from shared.web.pages.transliteration import as_latin
from tests.messages import PARTS, Message, catalogue_path, read_catalogue, said_in
from tests.source import ROOT

PLACEHOLDER = re.compile(r"%\((\w+)\)[a-z]|%%|%|{(\w+)(?::[^{}]*)?}")
CYRILLIC = re.compile(r"[\u0400-\u04ff]")
BOTH = [(code, part) for code in KEPT_BY_HAND for part in PARTS]


def texts(code: str, part: str) -> dict[Message, tuple[str, ...]]:
    """What a catalogue says, by message, in each of its forms of number."""
    found: dict[Message, tuple[str, ...]] = {}
    for message in read_catalogue(code, part):
        if message.id:
            key = message.id if isinstance(message.id, str) else (message.id[0], message.id[1])
            found[key] = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
    return found


@pytest.mark.parametrize(("code", "part"), BOTH)
def test_a_catalogue_has_every_message_and_no_other(code: str, part: str) -> None:
    said, translated = set(said_in(part)), texts(code, part)
    assert not said - set(translated), "Write them into the catalogue: make messages"
    assert not set(translated) - said, "Nobody says this any more: make messages"
    untranslated = sorted(str(key) for key, forms in translated.items() if not forms or not all(forms))
    assert not untranslated, f"{catalogue_path(code, part).relative_to(ROOT)} does not translate them."


@pytest.mark.parametrize(("code", "part"), BOTH)
def test_a_translation_has_the_placeholders_of_its_message(code: str, part: str) -> None:
    for key, forms in texts(code, part).items():
        expected = sorted(PLACEHOLDER.findall(key if isinstance(key, str) else key[1]))
        for form in forms:
            assert sorted(PLACEHOLDER.findall(form)) == expected, form


@pytest.mark.parametrize(("code", "part"), BOTH)
def test_a_catalogue_has_a_form_for_each_number_of_its_language(code: str, part: str) -> None:
    # French has a form for whole millions, too.
    wanted = {"sr_Cyrl": 3, "fr": 3}[code]
    for key, forms in texts(code, part).items():
        assert len(forms) == (1 if isinstance(key, str) else wanted), key


def test_the_messages_are_found_where_they_are_said() -> None:
    """So that an extraction that finds nothing does not look like complete catalogues."""
    assert said_in("shared")["Sign in"] == ["shared/web/pages/templates/base/page.html"]
    own = said_in("authentication_service")
    assert own["You are signed out."] == ["authentication_service/pages/own.py"]
    assert "The current password is another one." in own
    assert "Sign in" not in own


def test_serbian_in_latin_letters_is_written_from_the_cyrillic() -> None:
    for cyrillic, latin in [
        ("Бирачко место, изборна листа, записник", "Biračko mesto, izborna lista, zapisnik"),
        (
            "Неважећи листићи; џеп, ЉУБАВ, Љубав, Ђурђевдан, њен",
            "Nevažeći listići; džep, LJUBAV, Ljubav, Đurđevdan, njen",
        ),
        ("Страна %(page)s од %(last)s – Urna", "Strana %(page)s od %(last)s – Urna"),
    ]:
        assert as_latin(cyrillic) == latin
    written = messages("sr_Latn", PARTS)
    assert set(written) == set(messages("sr_Cyrl", PARTS))
    assert not [text for text in written.values() if CYRILLIC.search(str(text))]
    assert written["Sign in"] == "Prijava"


def test_the_catalogues_are_read_from_their_text() -> None:
    catalogues = Catalogues(("shared", "results_service"))
    for code in KEPT_BY_HAND:
        assert catalogues.has(code, "Sign in")
        assert catalogues.has(code, "The result is final.")
        assert not catalogues.has(code, "Your sessions")
    assert not list((ROOT / "shared").rglob("*.mo"))


@pytest.mark.parametrize(
    ("accepted", "code"),
    [
        (["sr-RS", "en"], "sr_Cyrl"),
        (["sr-Latn-RS", "sr"], "sr_Latn"),
        (["de-DE", "fr-CH", "en"], "fr"),
        (["de", "hu"], "en"),
        (["SR_latn"], "sr_Latn"),
        (["srn", "fry", "english"], "en"),
        ([], "en"),
    ],
)
def test_the_first_language_of_a_browser_that_there_is_decides(accepted: list[str], code: str) -> None:
    assert preferred(accepted) is LANGUAGES[code]
