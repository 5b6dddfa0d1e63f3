"""A campaign director, an invited candidate and an administrator in a real browser, from the list to the approval."""

from uuid import uuid4

from playwright.sync_api import FilePayload, Page, expect

from cli.demo.people import jmbg_of_birth
from tests.browser.conftest import OpenWindow
from tests.browser.looking import assert_everybody_can_use, look_at
from tests.browser.signing_in import fill_in, sign_in
from tests.journey.people import PASSWORD, Journey
from tests.services.pictures import picture


def registered(journey: Journey, role: str, birth: int, **changed: object) -> str:
    """The address of a new account with this role."""
    email = f"{uuid4().hex}@example.org"
    who = {"forename": "Dana", "surname": "Danić", "jmbg": jmbg_of_birth(birth), "role": role}
    journey.admin.request("POST", "authentication", "/api/register", body={"email": email, "password": PASSWORD, **who})
    if changed:
        journey.change_account(email, **changed)
    return email


def enter(journey: Journey, open_window: OpenWindow, email: str) -> Page:
    page = open_window().page()
    page.goto(f"{journey.suite.addresses.admin}/")
    fill_in(page, email, PASSWORD)
    return page


def test_a_director_invites_a_candidate_who_completes_the_profile_that_is_approved(
    journey: Journey, open_window: OpenWindow
) -> None:
    party = journey.admin.authorized(
        "POST", "admin", "/api/participants", body={"name": f"Green {uuid4().hex[:6]}", "individual": False}
    ).json()["id"]
    director = enter(journey, open_window, registered(journey, "campaign_director", 481, participant=party))
    expect(director.get_by_text("Nobody has been put forward yet.")).to_be_visible()
    for forename in ("Eva", "Iva"):
        director.goto(f"{journey.suite.addresses.admin}/party")
        director.get_by_role("link", name="Put a candidate forward").click()
        if forename == "Iva":
            look_at(director, "party-candidate-new")
        director.get_by_label("Forename").fill(forename)
        director.get_by_label("Surname").fill("Ević")
        director.get_by_role("button", name="Put forward").click()
        expect(director.get_by_text("The candidate is on the list.")).to_be_visible()
    director.get_by_role("button", name="Invite the candidate").click()
    code = director.locator("code.code").inner_text()
    look_at(director, "party-invitation")
    director.goto(director.url.removesuffix("/invitation"))
    look_at(director, "party-candidate")
    director.get_by_role("link", name="Delete this candidate").click()
    look_at(director, "party-candidate-delete")

    candidate = enter(journey, open_window, registered(journey, "candidate", 482))
    look_at(candidate, "candidacy")
    candidate.get_by_label("Code of the invitation").fill(code)
    candidate.get_by_role("button", name="Take it up").click()
    expect(candidate.get_by_text("You complete this profile from now on.")).to_be_visible()
    hostile: FilePayload = {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": b"<script>alert(1)</script>"}
    candidate.get_by_label("File", exact=True).set_input_files(hostile)
    candidate.get_by_role("button", name="Store the picture").click()
    expect(candidate.get_by_text("This is no picture that can be taken")).to_be_visible()
    assert_everybody_can_use(candidate)
    candidate.get_by_label("File", exact=True).set_input_files(
        {"name": "me.png", "mimeType": "image/png", "buffer": picture((300, 400))}
    )
    candidate.get_by_role("button", name="Store the picture").click()
    expect(candidate.get_by_alt_text("Picture of Iva Ević")).to_be_visible()
    candidate.get_by_label("Stands for the post of").fill("Deputy")
    candidate.get_by_label("Biography").fill("Born in Ada.")
    candidate.get_by_role("button", name="Save").click()
    candidate.get_by_role("button", name="Send for approval").click()
    expect(candidate.get_by_text("The profile is sent.")).to_be_visible()
    look_at(candidate, "candidacy-profile")
    number = candidate.url.partition("?")[0].rpartition("/")[2]

    administrator = open_window().page()
    where = f"{journey.suite.addresses.admin}/candidates/{number}"
    sign_in(administrator, journey, as_administrator=True, address=where)
    administrator.get_by_label("Why the candidate is refused").fill("Which Ada?")
    administrator.get_by_role("button", name="Refuse").click()
    look_at(administrator, "candidate-of-a-director")

    director.goto(f"{journey.suite.addresses.admin}/party")
    expect(director.get_by_text("Which Ada?")).to_be_visible()
    director.get_by_label("Place of Iva Ević").fill("0")
    director.get_by_role("button", name="Save the order").click()
    expect(director.get_by_text("The order of the list is stored.")).to_be_visible()
    assert director.locator("#candidates tbody th").all_inner_texts()[0].startswith("Iva")
    look_at(director, "party")

    election = journey.open_election(["Green list", "Other"])
    journey.change_account(
        email := registered(journey, "campaign_director", 483),
        participant=journey.admin.get("admin", f"/api/elections/{election}")["entries"][0]["participant_id"],
    )
    other = enter(journey, open_window, email)
    expect(other.get_by_text("Nothing here can be changed now.")).to_be_visible()
    other.get_by_role("link", name="Votes at each polling station").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Votes at each polling station")
    look_at(other, "party-result")
