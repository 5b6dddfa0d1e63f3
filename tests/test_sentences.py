"""Sentences that remember what they were made of, and that every refusal a page may show is one."""

import ast
import json
import pickle
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import lazy_gettext
from markupsafe import Markup

from shared.sentences import heard, listed, packed, say, say_number
from shared.web.pages import language, said
from tests.messages import REFUSALS, TOLD_BY_OTHERS, may_be_on_pages, said_in
from tests.source import ROOT, WEB_SERVICES, modules, tree

PARTS = ("shared", *WEB_SERVICES)
# What makes a sentence that pages can say: those of `shared.sentences`, and those in the page's language already.
SPOKEN = {"say", "say_number", "spoken"}
# Names of constants and functions that pages say otherwise, and how.
SAID_OTHERWISE = {
    "_sentence": "admin_service/pages/reading.py says what forms can lead to; the rest is pydantic's own word.",
}


@pytest.fixture
def pages() -> Flask:
    app = Flask(__name__)
    language.install(app, ("shared", "results_service", "voting_station_service"))
    return app


def test_a_sentence_is_its_english_text_wherever_it_is_written() -> None:
    told = say("The file has more than {most:,} lines.", most=200_000)
    assert told == "The file has more than 200,000 lines."
    assert json.dumps({told: told}) == json.dumps({str(told): str(told)})
    assert hash(told) == hash(str(told))
    again = pickle.loads(pickle.dumps(told))
    assert (again, again.template, again.values) == (told, told.template, told.values)
    assert [say_number("{number} seat", "{number} seats", number) for number in (0, 1, 21)] == [
        "0 seats",
        "1 seat",
        "21 seats",
    ]
    assert listed(["a", "b", "c"]) == "a, b, c"
    # A value is no template.
    assert say("It says {text}.", text="{most}") == "It says {most}."


TIED = (
    "One seat is tied between the lists {tied}; a lot has to be drawn.",
    "{number} seats are tied between the lists {tied}; a lot has to be drawn.",
)


@pytest.mark.parametrize(
    ("code", "number", "text"),
    [
        ("sr_Cyrl", 1, "За 1 мандат једнаке количнике имају листе"),
        ("sr_Cyrl", 3, "За 3 мандата једнаке количнике имају листе"),
        ("sr_Cyrl", 1021, "За 1.021 мандат једнаке количнике имају листе"),
        ("sr_Latn", 11, "Za 11 mandata jednake količnike imaju liste"),
        ("fr", 2, "2 sièges sont à égalité entre les listes"),
        ("en", 1, "One seat is tied between the lists"),
        ("en", 1021, "1,021 seats are tied between the lists"),
    ],
)
def test_a_page_says_it_in_its_language_with_the_form_of_the_number(
    pages: Flask, code: str, number: int, text: str
) -> None:
    with pages.test_request_context(f"/?language={code}"):
        told = said(say_number(*TIED, number, tied="1 (<b>), 2 ({number})"))
    assert isinstance(told, Markup)
    assert text in told
    assert "1 (&lt;b&gt;), 2 ({number})" in told


def test_a_value_that_is_a_sentence_is_translated_too_and_what_no_catalogue_has_stays_english(pages: Flask) -> None:
    with pages.test_request_context("/?language=sr_Cyrl"):
        assert said(say("{problem} on line {line}.", problem=say("Incorrect poll number"), line=1234)) == (
            "Неисправан редни број листе, у реду 1.234."
        )
        unknown = said(say("Nobody has translated {this}.", this="<b>"))
        assert unknown == '<span lang="en">Nobody has translated &lt;b&gt;.</span>'


def test_what_a_program_with_a_hostile_file_says_is_never_a_template(pages: Flask) -> None:
    template = "This PDF has {pages} pages; a scan of a sheet has 1 to {most}."
    good = heard({"refused": "…", "template": template, "values": {"pages": 12, "most": 10}})
    with pages.test_request_context("/?language=sr_Cyrl"):
        assert said(good) == "Број страна у овом PDF-у је 12; скен записника има од 1 до 10."
        for values in ({"pages": 12}, {"pages": 12, "most": 10, "other": 1}, None, "x"):
            english = said(heard({"refused": "<i>", "template": template, "values": values}))
            assert english == '<span lang="en">&lt;i&gt;</span>'
    # English needs no catalogue that would know the template.
    for address in ("/?language=sr_Cyrl", "/"):
        with pages.test_request_context(address):
            for more in (".__class__}", ".real}", "!r}", ":{pages}}", " {"):
                told = said(heard({"refused": "no", "template": "{pages}{pages" + more, "values": {"pages": 12}}))
                assert told in ("no", '<span lang="en">no</span>')
    assert heard({"media_type": "image/png"}) == ""


def test_what_is_looked_up_when_it_is_shown_is_not_marked_as_english(pages: Flask) -> None:
    notice = lazy_gettext("This form cannot be read.")
    with pages.test_request_context("/?language=sr_Cyrl"):
        assert said(notice) == said("This form cannot be read.") == "Овај образац није могуће прочитати."


def test_a_sentence_that_was_packed_is_the_same_when_it_is_heard() -> None:
    inner = say_number("{number} ballot", "{number} ballots", 7)
    for told in (
        say("{code}: {message}", code="W203", message=inner),
        inner,
        say("{most:,} lines", most=7000),
        "plain",
    ):
        again = heard(json.loads(json.dumps(packed(told))))
        assert (again, packed(again)) == (told, packed(told))


def test_no_refusal_that_a_page_may_show_is_put_together_past_the_catalogues() -> None:
    wrong = [f"{name}: {refusal}" for name, path in shown_on_pages() for refusal in put_together(tree(path))]
    assert not wrong, "Say them with `say` or `say_number` of shared/sentences.py."


@pytest.mark.parametrize(
    ("text", "is_wrong"),
    [
        ('raise InvalidInput(f"There is no {x}.", field="x")', True),
        ('raise errors.NotFound("There is no " + x)', True),
        ('raise NotFound("There is no {}.".format(x))', True),
        ('raise Conflict("a" if x else "b")', True),
        ('WORDS = "a"\nraise Conflict(WORDS)', True),
        ('def _words():\n    return f"{x}"\nraise Conflict(_words())', True),
        ('raise InvalidInput("There is none.", field=f"votes.{x}")', False),
        ('raise NotFound(say("There is no {x}.", x=f"{x}"))', False),
        ('words = say("a") if x else say("b")\nraise Conflict(words)', False),
        ("raise InvalidInput(error.message)", False),
    ],
)
def test_a_refusal_that_is_put_together_is_found(text: str, is_wrong: bool) -> None:
    assert bool(list(put_together(ast.parse(text)))) is is_wrong


def test_every_sentence_that_is_said_is_among_the_messages() -> None:
    found = 0
    for part in PARTS:
        known = set(said_in(part)) | set(said_in("shared"))
        for path in modules(part).values():
            for call in _calls(tree(path), ("say", "say_number")):
                place = f"{path.relative_to(ROOT)}:{call.lineno}"
                wanted = call.args[:1] if _name(call) == "say" else call.args[:2]
                texts = [one.value for one in wanted if isinstance(one, ast.Constant) and isinstance(one.value, str)]
                assert len(texts) == len(wanted), f"{place} is not one constant text."
                message = texts[0] if len(texts) == 1 else (texts[0], texts[1])
                assert message in known, f"{place}: `make messages` does not find {message}."
                found += 1
    assert found > 100


def shown_on_pages() -> Iterator[tuple[str, Path]]:
    for name in chain.from_iterable(TOLD_BY_OTHERS.values()):
        yield name, ROOT / name
    for part in PARTS:
        for path in modules(part).values():
            name = path.relative_to(ROOT).as_posix()
            if may_be_on_pages(name):
                yield name, path


def _calls(whole: ast.Module, names: tuple[str, ...]) -> Iterator[ast.Call]:
    for node in ast.walk(whole):
        if isinstance(node, ast.Call) and _name(node) in names:
            yield node


def _name(call: ast.Call) -> str:
    return str(getattr(call.func, "id", getattr(call.func, "attr", "")))


def put_together(whole: ast.Module) -> Iterator[str]:
    """The refusals of a module whose text no catalogue can have."""
    known: dict[str, list[ast.expr]] = {}
    for node in ast.walk(whole):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    known.setdefault(target.id, []).append(node.value)
        elif isinstance(node, ast.FunctionDef):
            values = [one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value is not None]
            known.setdefault(node.name, []).extend(values)
    for call in _calls(whole, REFUSALS):
        first = call.args[:1]
        if first and not isinstance(first[0], ast.Constant) and not _is_spoken(first[0], known):
            yield f"{call.lineno}: {ast.unparse(first[0])}"


def _is_spoken(value: ast.expr, known: dict[str, list[ast.expr]]) -> bool:
    """Whether pages can say it; ``known`` is what names of the module are set to, and what functions of it return."""
    if isinstance(value, ast.IfExp):
        return _is_spoken(value.body, known) and _is_spoken(value.orelse, known)
    if isinstance(value, ast.Call):
        name = _name(value)
        if name in SPOKEN or name in SAID_OTHERWISE:
            return True
        return name in known and all(_is_spoken(one, known) for one in known[name])
    if isinstance(value, ast.Name):
        return value.id in SAID_OTHERWISE or all(_is_spoken(one, known) for one in known.get(value.id, []))
    # What another refusal says, or a part of something that is looked at where it is made.
    return isinstance(value, ast.Attribute | ast.Subscript)
