"""The administration's pages: what people see and do there, and what nobody overwrites or does in their name."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from admin_service.pictures import LARGE, SMALL
from shared.ballot_proofs import Hours, key_file
from shared.schema.election import DeadLetter
from shared.terms import Role
from tests.services.administration import Administration, entries, running
from tests.services.casting import key_text, new_key
from tests.services.pictures import picture
from tests.services.recorded import CLASSIC_RULES, Recorded
from tests.services.signed_in import SignedIn, filled
from tests.services.tokens import ServiceSettings, Token

HOSTILE = '<script>alert("1")</script>'
ESCAPED = "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;"


@pytest.fixture
def admin(
    recorded: Recorded, sqlite_url: str, service_settings: ServiceSettings, token: Token
) -> Iterator[Administration]:
    with running(sqlite_url, service_settings, token, prepared=False, election_timezone="Europe/Belgrade") as service:
        yield service


def number_in(address: str) -> int:
    return int("".join(letter for letter in address.partition("?")[0] if letter.isdigit()))


def draft(admin: Administration, **fields: Any) -> int:
    day = datetime.now(UTC) + timedelta(days=3)
    hours: dict[str, Any] = {"start": day.isoformat(), "end": (day + timedelta(hours=12)).isoformat()}
    return int(admin.election(draft=True, **{**hours, **fields})["id"])


def tied(recorded: Recorded) -> int:
    now = datetime.now(UTC)
    rules = {**CLASSIC_RULES, "seats": 2, "tie_policy": "lots"}
    made = recorded.election(["A", "B", "C"], hours=(now - timedelta(hours=2), now - timedelta(hours=1)), rules=rules)
    recorded.part(made, {1: 40, 2: 30, 3: 30}, received_at=now - timedelta(hours=1, minutes=30))
    recorded.drained(now, now)
    return made


def test_an_election_is_made_filled_and_published(admin: Administration, ana: SignedIn) -> None:
    for name in ("First", HOSTILE):
        shown = ana.done(ana.fill("/participants/new", "participant", name=name, sort="party"))
        assert "The participant is known now." in shown
    made = ana.fill(
        "/elections/new",
        "election",
        title=HOSTILE,
        start="2031-05-01T07:00",
        end="2031-05-01T20:00",
        rules="own",
        seats="11",
        threshold="3,5",
        tie_policy="lots",
    )
    number = number_in(made.headers["Location"])
    ballot = f"/elections/{number}/ballot"
    assert ESCAPED in ana.done(made)
    assert "script>alert" not in ana.see(f"/elections/{number}")
    for nobody, status in (("9" * 10, 422), ("9" * 5000, 303)):
        assert ana.fill(ballot, "ballot-form", add=[nobody]).status_code == status
    ana.done(ana.fill(ballot, "ballot-form", add=["2", "1"]))
    shown = ana.done(ana.fill(ballot, "ballot-form", **{"number-1": "0", "exempt-2": "1"}))
    assert ESCAPED in shown
    stored = admin.get(f"/api/elections/{number}")
    assert [(one["participant_id"], one["exempt"]) for one in stored["entries"]] == [(1, False), (2, True)]
    # Belgrade is two hours ahead of UTC in May.
    assert stored["start"] == "2031-05-01T05:00:00Z"
    assert (stored["rules"]["seats"], stored["rules"]["threshold"], stored["state"]) == (11, "0.035", "draft")
    told = ana.see(f"/elections/{number}")
    for sentence in ("A list needs 3.50% of the valid votes", "11, given over the whole", "Lots are drawn"):
        assert sentence in told
    question = ana.see(f"/elections/{number}/publish")
    assert "it cannot be deleted any more" in question
    assert "The election is published." in ana.done(ana.fill(f"/elections/{number}/publish", "confirm"))
    assert admin.get(f"/api/elections/{number}")["state"] == "scheduled"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"start": ""}, "Say the day and the time."),
        ({"end": "2031-05-01T06:00"}, "An election ends after it has started."),
        ({"start": "2031-03-30T02:30"}, "The clocks skip this local time"),
        ({"kind": "presidential", "individual": "party"}, "only individuals stand"),
        ({"rules": "own", "seats": "x"}, "Write a whole number."),
        ({"rules": "own", "threshold": "1e-999999"}, "Write a number, such as 5 or 3.25."),
        ({"rules": "own", "threshold": "101"}, "The threshold is a fraction from 0 to 1."),
        ({"rules": "no such pack"}, "There is no such rule pack"),
        ({"title": "a" * 257}, "Write at most 256 characters."),
        ({"kind": "guess"}, "String should match pattern"),
    ],
)
def test_what_is_wrong_on_a_form_is_said_at_its_field_and_nothing_is_lost(
    admin: Administration, ana: SignedIn, fields: dict[str, str], sentence: str
) -> None:
    typed = {"title": "A title", "start": "2031-05-01T07:00", "end": "2031-05-01T20:00", **fields}
    refused = ana.fill("/elections/new", "election", **typed)
    assert refused.status_code == 422
    assert sentence in refused.text
    assert filled(refused.text, "election")["title"] == typed["title"]
    assert admin.get("/api/elections")["total"] == 0


def test_of_two_administrators_the_second_sees_what_the_first_has_changed_and_decides(
    admin: Administration, ana: SignedIn, boris: SignedIn
) -> None:
    page = f"/elections/{draft(admin, title='Before')}/edit"
    first, second = filled(ana.see(page), "election"), filled(boris.see(page), "election")
    assert ana.send(page, **{**first, "title": "Ana's title"}).status_code == 303
    refused = boris.send(page, **{**second, "title": "Boris's title", "kind": "local"})
    assert refused.status_code == 412
    for text in ("Somebody was faster", "ana@example.org changed this", "Ana&#39;s title", "Boris&#39;s title"):
        assert text in refused.text
    assert admin.get(page.removesuffix("/edit").replace("/elections", "/api/elections"))["title"] == "Ana's title"
    again = filled(refused.text, "election")
    assert again["title"] == "Boris's title"
    assert boris.send(page, **again).status_code == 303
    assert "Boris&#39;s title" in ana.see(page.removesuffix("/edit"))


def test_nothing_of_a_form_is_done_when_what_it_is_about_has_changed_meanwhile(
    admin: Administration, ana: SignedIn
) -> None:
    participant = admin.participants(1)[0]
    body = {"participant_id": participant, "forename": "Ана", "surname": "Анић"}
    candidate = admin.post("/api/candidates", body, 201)["id"]
    election = draft(admin)
    forms: dict[str, dict[str, Any]] = {
        f"/participants/{participant}": {"name": "New", "sort": "party"},
        f"/participants/{participant}/delete": {},
        f"/candidates/{candidate}": {"forename": "New", "surname": "New"},
        f"/candidates/{candidate}/decision": {"decision": "approved"},
        f"/candidates/{candidate}/delete": {},
        f"/candidates/{candidate}/picture/delete": {},
        f"/elections/{election}/ballot": {},
        f"/elections/{election}/publish": {},
        f"/elections/{election}/delete": {},
    }
    for path, fields in forms.items():
        refused = ana.send(path, **fields, version="99")
        assert (path, refused.status_code) == (path, 412)
        assert ana.send(path, **fields).status_code == 428
    refused = ana.send(f"/candidates/{candidate}/picture", version="99", picture=(BytesIO(picture()), "a.png"))
    assert refused.status_code == 412
    assert admin.get(f"/api/candidates/{candidate}")["version"] == 1
    assert admin.get(f"/api/elections/{election}")["version"] == 1


def test_a_candidate_is_put_forward_pictured_and_decided_on(admin: Administration, ana: SignedIn) -> None:
    participant = admin.participants(1)[0]
    new = f"/candidates/new?participant={participant}"
    made = ana.fill(new, "candidate", forename="Vera", surname=HOSTILE)
    page = f"/candidates/{number_in(made.headers['Location'])}"
    assert ESCAPED in ana.done(made)
    # As a camera turns it and what it notes: it is upright afterwards and says nothing.
    noted = Image.Exif()
    noted[0x0112], noted[0x010F] = 6, "A camera"
    sent = picture((1200, 900), "JPEG", exif=noted)
    stored = ana.fill(page, "put-picture", picture=(BytesIO(sent), "../../<script>.jpg"))
    assert "The picture is stored." in ana.done(stored)
    for size, most in (("large", LARGE), ("small", SMALL)):
        answer = ana.client.get(f"{page}/picture/{size}")
        assert answer.content_type == "image/jpeg"
        assert b"A camera" in sent
        assert b"A camera" not in answer.data
        with Image.open(BytesIO(answer.data)) as image:
            assert (image.size, dict(image.getexif())) == (most, {})
    refused = ana.fill(page, "refuse", reason=" ")
    assert refused.status_code == 422
    assert "Who is refused is told why." in refused.text
    assert "No residence." in ana.done(ana.fill(page, "refuse", reason="No residence."))
    assert "The candidate is approved." in ana.done(ana.fill(page, "approve"))
    assert ">approved</span>" in ana.see("/candidates?approval=approved&name=vera")
    assert "No candidate fits." in ana.see("/candidates?approval=waiting")
    # What is decided was about another picture.
    assert ">waiting</span>" in ana.done(ana.fill(page, "delete-picture"))
    ana.see(f"{page}/picture/small", 404)
    ana.fill(page, "put-picture", picture=(BytesIO(sent), "a.jpg"))
    assert "The candidate is deleted." in ana.done(ana.fill(f"{page}/delete", "confirm"))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: b"", "Choose a file with a picture."),
        (lambda: b"<svg onload='alert(1)'/>", "This is no picture that can be taken"),
        (lambda: picture()[:500], "cannot be read to its end"),
        (lambda: picture((40, 40)), "This picture is too small"),
        (lambda: picture((8000, 7600), optimize=False), "more than 60 million pixels"),
        (lambda: b"\xff\xd8\xff" + b"\0" * (9 << 20), "at most 8 MiB"),
    ],
    ids=["nothing", "a script", "cut off", "tiny", "a bomb", "too many bytes"],
)
def test_what_is_no_picture_is_refused_in_words_and_not_stored(
    admin: Administration, ana: SignedIn, sentence: str, make: Callable[[], bytes]
) -> None:
    content = make()
    body = {"participant_id": admin.participants(1)[0], "forename": "Ана", "surname": "Анић"}
    path = f"/candidates/{admin.post('/api/candidates', body, 201)['id']}"
    refused = ana.fill(path, "put-picture", picture=(BytesIO(content), "a.png"))
    assert refused.status_code in (413, 422)
    if refused.status_code == 422 or len(content) < (8 << 20) + (60 << 10):
        assert sentence in refused.text
    by_api = admin.call("PUT", f"/api{path}/picture", data=content, match=1)
    assert by_api.status_code in (413, 422)
    assert admin.get(f"/api{path}")["version"] == 1
    admin.get(f"/api{path}/picture", 404)


def test_a_picture_goes_the_same_way_over_the_routes(admin: Administration) -> None:
    body = {"participant_id": admin.participants(1)[0], "forename": "Ана", "surname": "Анић"}
    path = f"/api/candidates/{admin.post('/api/candidates', body, 201)['id']}"
    admin.post(f"{path}/approval", {"decision": "approved"}, match=1)
    put = admin.call("PUT", f"{path}/picture", data=picture(kind="WEBP"), match=2)
    assert (put.status_code, put.get_json()["approval"], put.headers["ETag"]) == (200, "waiting", '"3"')
    shown = admin.call("GET", f"{path}/picture?size=small", role=Role.OFFICIAL)
    assert shown.status_code == 200
    header = {"If-None-Match": shown.headers["ETag"], **admin.token(Role.AUDITOR)}
    assert admin.app.test_client().get(f"{path}/picture?size=small", headers=header).status_code == 304
    assert admin.call("DELETE", f"{path}/picture", match=2).status_code == 412
    assert admin.call("DELETE", f"{path}/picture", match=3).status_code == 200
    assert admin.call("GET", f"{path}/picture").status_code == 404


def test_the_overview_says_what_waits_and_lots_are_entered(
    admin: Administration, recorded: Recorded, ana: SignedIn
) -> None:
    assert "Nothing waits." in ana.see("/")
    made = tied(recorded)
    body = {"participant_id": admin.participants(1)[0], "forename": "Ана", "surname": "Анић"}
    admin.post("/api/candidates", body, 201)
    overview = ana.see("/")
    assert "seat waits for lots:" in overview
    assert "candidate waits for a decision" in overview
    question = ana.see(f"/elections/{made}/lots")
    assert "2 B, 3 C" in question
    refused = ana.fill(f"/elections/{made}/lots", "confirm", poll_numbers="1")
    assert refused.status_code == 422
    assert "Lots drawn: 3" in ana.done(ana.fill(f"/elections/{made}/lots", "confirm", poll_numbers="3"))
    assert "seat waits for lots:" not in ana.see("/")


def test_lots_are_entered_in_each_constituency_whose_seats_are_tied(recorded: Recorded, ana: SignedIn) -> None:
    now = datetime.now(UTC)
    scope = {"apportioned": "constituency", "threshold_over": "constituency"}
    rules = {**CLASSIC_RULES, **scope, "seats": 2, "tie_policy": "lots"}
    hours = (now - timedelta(hours=2), now - timedelta(hours=1))
    stations = recorded.stations([100, 100], seats=(1, 1))
    made = recorded.election(["A", "B", "C"], hours=hours, rules=rules)
    for partition, (station, votes) in enumerate(zip(stations, ({1: 10, 2: 10}, {1: 1, 2: 5, 3: 5}), strict=True)):
        sent = now - timedelta(hours=1, minutes=30)
        recorded.part(made, votes, station=station, partition=partition, received_at=sent)
    recorded.drained(now, now)
    overview, page = ana.see("/"), f"/elections/{made}/lots"
    assert overview.count("seat waits for lots:") == 2
    assert ", Part 2</a>" in overview
    assert "1 seat waits for lots in Part 1." in ana.see(f"/elections/{made}")
    assert "In Part 2 these lists have the same quotient: 2 B, 3 C." in ana.see(page)
    assert ana.fill(page, "confirm", poll_numbers="3", constituency_id="").status_code == 422
    refused = ana.fill(page, "confirm", poll_numbers="3", constituency_id="1")
    assert (refused.status_code, '<option value="1" selected>Part 1' in refused.text) == (422, True)
    shown = ana.done(ana.fill(page, "confirm", poll_numbers="3", constituency_id="2"))
    assert "Lots drawn in Part 2: 3" in shown
    assert "in Part 1." in shown
    assert "these lists have the same quotient: 2 B" not in ana.see(page)
    # The only one that is left is chosen already.
    assert "waits for lots" not in ana.done(ana.fill(page, "confirm", poll_numbers="1"))
    assert "seat waits for lots:" not in ana.see("/")


def test_why_a_draft_cannot_be_published_is_said_above_the_question(admin: Administration, ana: SignedIn) -> None:
    made = draft(admin, entries=[])
    refused = ana.fill(f"/elections/{made}/publish", "confirm")
    assert (refused.status_code, "At least 2 participants stand in an election." in refused.text) == (422, True)
    assert admin.get(f"/api/elections/{made}")["state"] == "draft"


def test_an_election_is_closed_or_cancelled_after_a_question(admin: Administration, ana: SignedIn) -> None:
    made = admin.election()["id"]
    assert "It cannot be opened again." in ana.see(f"/elections/{made}/close")
    refused = ana.fill(f"/elections/{made}/cancel", "confirm", reason="  ")
    assert refused.status_code == 422
    assert "Fill this in." in refused.text
    ana.done(ana.fill(f"/elections/{made}/close", "confirm"))
    shown = ana.done(ana.fill(f"/elections/{made}/cancel", "confirm", reason="A flood."))
    assert "A flood." in shown
    assert "/cancel" not in shown
    assert ana.fill(f"/elections/{made}/close", "confirm").status_code == 409
    gone = draft(admin)
    ana.done(ana.fill(f"/elections/{gone}/delete", "confirm"))
    ana.see(f"/elections/{gone}", 404)


def test_dead_letters_are_shown_with_the_command_that_settles_them(
    admin: Administration, recorded: Recorded, ana: SignedIn
) -> None:
    assert "There is none." in ana.see("/dead-letters")
    now = datetime.now(UTC)
    with recorded.database.writing() as session:
        columns = {"partition": 0, "received_at": None, "not_before": None, "buried_at": now}
        session.add(DeadLetter(batch_id="ab" * 16, part=3, ballots=None, reason=HOSTILE, **columns))
    shown = ana.see("/dead-letters")
    assert f"urna queue replay {'ab' * 16} 3" in shown
    assert f"urna queue dismiss {'ab' * 16} 3 --reason" in shown
    assert ESCAPED in shown
    assert "dead letter holds ballots" in ana.see("/")
    assert "There is none." in ana.see("/dead-letters?settled=settled")


def test_the_journal_is_searched(admin: Administration, ana: SignedIn) -> None:
    admin.participants(1)
    ana.fill("/participants/1", "participant", name=HOSTILE)
    found = ana.see("/journal?action=participant.changed&actor=ana@example.org&outcome=done")
    assert ESCAPED in found
    assert "Participant 1 → " in found
    assert "urna journal verify --store election" in found
    assert "This part tells of participants" in found
    assert "To the journal of the accounts" in found
    assert "No entry fits." in ana.see("/journal?until=2020-01-01T00:00")
    assert "No entry fits." not in ana.see("/journal?since=2020-01-01T00:00&subject=participant+1")
    for moment in ("yesterday", "0001-01-01T00:00%2B14:00"):
        ana.see(f"/journal?since={moment}", 422)
    ana.see("/journal?actr=ana", 422)
    assert "participant.created" not in ana.see("/journal?text=SCRIPT")


def test_a_refusal_is_in_the_language_of_the_page(ana: SignedIn) -> None:
    refused = ana.send("/participants/new?language=sr_Cyrl", name="", sort="party")
    assert (refused.status_code, "Попуните ово." in refused.text) == (422, True)
    assert 'lang="en"' not in refused.text.partition("<main")[2].partition("</main>")[0]


PAGES = ["/", "/elections", "/participants", "/candidates", "/journal", "/dead-letters"]


def test_auditors_see_everything_and_change_nothing(
    admin: Administration, recorded: Recorded, ana: SignedIn, auditor: SignedIn
) -> None:
    made, planned = tied(recorded), draft(admin)
    body = {"participant_id": admin.participants(1)[0], "forename": "Ана", "surname": "Анић"}
    candidate = admin.post("/api/candidates", body, 201)["id"]
    pages = [
        *PAGES,
        *(f"/elections/{made}", f"/elections/{made}/uploads", f"/elections/{planned}", f"/elections/{planned}/ballot"),
        *("/participants/1", f"/candidates/{candidate}"),
    ]
    for path in pages:
        shown = auditor.see(path)
        main = shown.partition("<main")[2].partition("</main>")[0]
        assert '<form method="post"' not in main, path
        assert not [one for one in ("/new", "/edit", "/delete", "/lots", "/publish") if f'{one}"' in main], path
        assert ana.see(path) != shown or path in ("/journal", "/dead-letters", f"/elections/{made}/uploads")
    for path in (f"/elections/{planned}/publish", "/elections/new", "/participants/new", f"/elections/{planned}/edit"):
        auditor.see(path, 403)
        assert auditor.send(path, version="1").status_code == 403


@pytest.mark.parametrize("role", [Role.OFFICIAL, Role.VOTER])
def test_nobody_else_sees_anything(admin: Administration, token: Token, role: Role) -> None:
    draft(admin)
    other = SignedIn.to(admin.app, token, role)
    for path in [*PAGES, "/elections/1", "/participants/1"]:
        other.see(path, 403)


OWN = ("draft_pages", "election_pages", "participant_pages", "candidate_pages")


def test_no_form_is_taken_without_its_value(admin: Administration, ana: SignedIn) -> None:
    forms = sorted(
        rule.rule
        for rule in admin.app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and rule.endpoint.partition(".")[0] in OWN
    )
    assert len(forms) >= 15
    for path in forms:
        refused = ana.send(
            path.replace("<int:", "1")
            .replace("election_id>", "")
            .replace("participant_id>", "")
            .replace("candidate_id>", ""),
            forged=True,
        )
        assert (path, refused.status_code) == (path, 403)
        assert "did not come from a page" in refused.text


def test_lists_are_paged_and_keep_their_filter(admin: Administration, ana: SignedIn) -> None:
    assert len(entries(admin.participants(60))) == 60
    first = ana.see("/participants?name=Participant&per_page=50")
    assert "/participants?name=Participant&amp;per_page=50&amp;page=2" in first
    assert first.count('scope="row"') == 50
    assert ana.see("/participants?name=Participant&per_page=50&page=2").count('scope="row"') == 10
    ana.see("/participants?page=none", 422)


def test_a_ballot_key_is_set_compared_and_taken_away_on_its_page_until_it_is_frozen(
    admin: Administration, ana: SignedIn, recorded: Recorded
) -> None:
    number = draft(admin)
    path, key = f"/elections/{number}/key", new_key().public
    assert f'href="{path}"' in ana.see(f"/elections/{number}")
    for nothing in ({}, {"ballot_key": "no key!"}, {"ballot_key": "AAAA"}, {"choices_public": "1"}):
        assert ana.fill(path, "key", **nothing).status_code == 422
    both = ana.fill(path, "key", ballot_key=key_text(), file=(BytesIO(b"x"), "key.pem"))
    assert (both.status_code, "not both" in both.text) == (422, True)
    own = Hours.read(*(admin.get(f"/api/elections/{number}")[name] for name in ("start", "end")))
    late = Hours(own.opens_at, own.closes_at + timedelta(seconds=1))
    # The file says whose it is, so that a wrong one is found here and not by voters.
    for election, hours, words in (
        (number + 1, own, f"the ballot key of election {number + 1}, and not of election {number}."),
        (number, late, "Voters know other hours for this election"),
    ):
        wrong = ana.fill(path, "key", file=(BytesIO(key_file(key, election, hours).encode()), "key.pem"))
        assert (wrong.status_code, words in wrong.text) == (422, True)
    text = key_file(key, number, own)
    shown = ana.done(ana.fill(path, "key", file=(BytesIO(text.encode()), "key.pem")))
    assert key.fingerprint in shown
    stored = admin.get(f"/api/elections/{number}")
    assert (stored["ballot_key"], stored["choices_public"]) == (key_text(), False)
    # Pasted again, with the rule; and the rule alone.
    pasted = text[text.index("-----") :]
    assert "everybody can read" in ana.done(ana.fill(path, "key", ballot_key=pasted, choices_public="1"))
    assert admin.get(f"/api/elections/{number}")["choices_public"] is True
    unticked = {name: value for name, value in filled(ana.see(path), "key").items() if name != "choices_public"}
    assert "never shown" in ana.done(ana.send(path, **unticked))
    assert admin.get(f"/api/elections/{number}")["ballot_key"] == key_text()
    ana.done(ana.fill(path, "remove-key", remove="1"))
    assert admin.get(f"/api/elections/{number}")["ballot_key"] is None
    opened = recorded.election(
        hours=(datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)),
        ballot_key=key_text(),
        jurisdiction_id=1,
    )
    page = ana.see(f"/elections/{opened}/key")
    assert ("It is frozen" in page, 'id="key"' in page, key.fingerprint in page) == (True, False, True)
