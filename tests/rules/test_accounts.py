"""What an account must look like, and what must never happen to the last administrator."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authentication_service import rules
from authentication_service.rules import LoginName
from shared.errors import InvalidInput
from shared.terms import Approval, Role

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

NOT_TEXT = [None, 1, 101994704401, 1.5, True, [], ["0101994704401"], {}, {"jmbg": "0101994704401"}]


def control_digit(twelve: str) -> int:
    """The contract's formula, with its own letters."""
    a, b, c, d, e, f, g, h, i, j, k, ell = (int(digit) for digit in twelve)
    m = 11 - ((7 * (a + g) + 6 * (b + h) + 5 * (c + i) + 4 * (d + j) + 3 * (e + k) + 2 * (f + ell)) % 11)
    return m if 1 <= m <= 9 else 0


def with_control_digit(twelve: str) -> str:
    return twelve + str(control_digit(twelve))


@pytest.mark.parametrize(
    "jmbg",
    [
        "0101994704401",
        with_control_digit("310299070000"),
        with_control_digit("010100070000"),
        with_control_digit("311299999999"),
        with_control_digit("150600071050"),
    ],
)
def test_a_jmbg_with_its_control_digit_is_valid(jmbg: str) -> None:
    assert rules.is_jmbg(jmbg)


@pytest.mark.parametrize(
    ("jmbg", "why"),
    [
        ("", "empty"),
        (" ", "a blank"),
        ("0101994704400", "control digit too low"),
        ("0101994704402", "control digit too high"),
        ("010199470440", "twelve digits"),
        ("01019947044011", "fourteen digits"),
        (with_control_digit("000199470440"), "day 00"),
        (with_control_digit("320199470440"), "day 32"),
        (with_control_digit("010099470440"), "month 00"),
        (with_control_digit("011399470440"), "month 13"),
        (with_control_digit("010199469440"), "region 69"),
        (with_control_digit("010199400440"), "region 00"),
        ("010199470440a", "a letter"),
        (" 0101994704401", "a blank before"),
        ("0101994704401 ", "a blank after"),
        ("0101994704401\n", "a line end"),
        ("0101994704401\0", "a null character"),
        ("٠١٠١٩٩٤٧٠٤٤٠١", "digits of another script"),
        ("0101994704４01", "one digit of another width"),
        ("0000000000000", "the classic administrator's, which nobody can register"),
    ],
)
def test_what_is_no_jmbg_is_refused(jmbg: str, why: str) -> None:
    assert not rules.is_jmbg(jmbg), why


@pytest.mark.parametrize("value", NOT_TEXT)
def test_a_value_that_is_no_text_is_neither_jmbg_nor_email_nor_password_nor_name(value: object) -> None:
    assert not rules.is_jmbg(value)
    assert not rules.is_email(value)
    assert not rules.is_password(value)
    assert not rules.is_name(value)


@given(
    day=st.integers(1, 31),
    month=st.integers(1, 12),
    year=st.integers(0, 999),
    region=st.integers(70, 99),
    number=st.integers(0, 999),
)
def test_exactly_one_control_digit_fits_twelve_digits(
    day: int, month: int, year: int, region: int, number: int
) -> None:
    twelve = f"{day:02d}{month:02d}{year:03d}{region:02d}{number:03d}"
    fitting = [digit for digit in range(10) if rules.is_jmbg(f"{twelve}{digit}")]
    assert fitting == [control_digit(twelve)]


@pytest.mark.parametrize(
    "email",
    [
        "admin@admin.com",
        "john@gmail.com",
        "john.doe+tag@mail.example.co.rs",
        "JOHN@GMAIL.COM",
        "o'hara_1%x@a-b.info",
        "j@g.rs",
        "1@2.com",
        "vera@xn--90a3ac.xn--90a3ac",
        "a" * 246 + "@gmail.com",
        "a@" + "b" * 250 + ".com",
    ],
)
def test_an_address_is_valid(email: str) -> None:
    assert rules.is_email(email)


@pytest.mark.parametrize(
    "email",
    [
        "",
        " ",
        "john",
        "john@",
        "john@gmail",
        "john@gmail.",
        "john@gmail.a",
        "@gmail.com",
        "john@.com",
        "john@gmail..com",
        "john@-gmail.com",
        "john@gmail-.com",
        "john@gmail.c1",
        "john@gmail.12",
        "john@@gmail.com",
        "jo@hn@gmail.com",
        "jo hn@gmail.com",
        " john@gmail.com",
        "john@gmail.com ",
        "john@gmail.com\n",
        "john@gm ail.com",
        "john\0@gmail.com",
        "john\x85@gmail.com",
        "john\u2028@gmail.com",
        "john\u200b@gmail.com",
        "jоhn@gmail.com",
        "johſ@gmail.com",
        "john@gmail.com\ud800",
        ".john@gmail.com",
        "john.@gmail.com",
        "jo..hn@gmail.com",
        '"john doe"@gmail.com',
        "<john@gmail.com>",
        "john@[127.0.0.1]",
        "john@gmail.com,jane@gmail.com",
        "a" * 247 + "@gmail.com",
    ],
)
def test_what_is_no_address_is_refused(email: str) -> None:
    assert not rules.is_email(email)


def test_two_spellings_of_an_address_have_one_key() -> None:
    assert rules.email_key("John.Doe@Gmail.COM") == rules.email_key("john.doe@gmail.com")


@pytest.mark.parametrize(
    "password", ["Aa345678", "Passw0rd", "Pass w0rd!", "Šifra123", "Лозинка1", "Aa1" + "x" * 253, "Aa1\0\ud800xyz"]
)
def test_a_password_of_all_three_kinds_of_characters_is_valid(password: str) -> None:
    assert rules.is_password(password)


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "empty"),
        (" ", "a blank"),
        ("Aa34567", "seven characters"),
        ("Aa1" + "x" * 254, "257 characters"),
        ("aa345678", "no upper-case letter"),
        ("AA345678", "no lower-case letter"),
        ("AaBbCcDd", "no digit"),
        ("AaBbCcD٣", "a digit of another script only"),
        ("12345678", "no letter"),
    ],
)
def test_a_simple_password_is_refused(password: str, why: str) -> None:
    assert not rules.is_password(password), why


@pytest.mark.parametrize("name", [" ", "Đorđe", "Ana Marija", "x" * 256, "李", "O'Hara"])
def test_a_name_is_any_text_of_up_to_256_characters(name: str) -> None:
    assert rules.is_name(name)


@pytest.mark.parametrize("name", ["", "x" * 257, "Vera\0", "Ve\nra", "\ud800", "\x7f"])
def test_a_name_that_nothing_can_store_or_show_is_refused(name: str) -> None:
    assert not rules.is_name(name)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Vera@Gmail.com", (LoginName.EMAIL, "vera@gmail.com")),
        ("Vera.V", (LoginName.USERNAME, "vera.v")),
        ("+381 64 123-45-67", (LoginName.PHONE, "+381641234567")),
        ("(064) 123 45 67", (LoginName.PHONE, "0641234567")),
        ("vera@gmail", None),
        ("ve", None),
        ("1vera", None),
        ("vera verić", None),
        ("Kelvin\u212a", None),
        ("12345", None),
        ("٠٦٤١٢٣٤٥٦٧", None),
        ("", None),
        ("\0", None),
        ("v" * 65, None),
    ],
)
def test_a_login_name_can_only_be_one_of_the_three(text: str, found: tuple[LoginName, str] | None) -> None:
    assert rules.login_name(text) == found


@given(st.text(max_size=70))
def test_a_stored_login_name_is_read_as_itself(text: str) -> None:
    found = rules.login_name(text)
    if found is not None:
        assert rules.login_name(found[1]) == found


@pytest.mark.parametrize(
    "roles",
    [
        [],
        [Role.ADMINISTRATOR, Role.OFFICIAL],
        [Role.ADMINISTRATOR, Role.AUDITOR],
        [Role.OFFICIAL, Role.AUDITOR, Role.VOTER],
    ],
)
def test_who_directs_who_brings_ballots_in_and_who_watches_are_different_accounts(roles: list[Role]) -> None:
    with pytest.raises(InvalidInput) as refused:
        rules.check_roles(roles)
    assert refused.value.field == "roles"


@pytest.mark.parametrize("role", list(Role))
def test_every_role_can_be_had_alone_and_most_with_that_of_a_voter(role: Role) -> None:
    rules.check_roles([role])
    rules.check_roles({role, Role.VOTER})


def test_only_officials_wait_and_only_where_the_setting_asks_for_approval() -> None:
    waiting = {
        (role, setting)
        for role in rules.SELF_REGISTERED
        for setting in ("open", "approval")
        if rules.first_approval(role, setting) is Approval.WAITING
    }
    assert waiting == {(Role.OFFICIAL, "approval")}


def test_administrators_and_auditors_never_make_themselves() -> None:
    assert not {Role.ADMINISTRATOR, Role.AUDITOR} & rules.SELF_REGISTERED


def test_only_the_last_administrator_is_needed() -> None:
    assert rules.would_leave_no_administrator([7], 7)
    assert not rules.would_leave_no_administrator([7, 8], 7)
    assert not rules.would_leave_no_administrator([7], 8)
