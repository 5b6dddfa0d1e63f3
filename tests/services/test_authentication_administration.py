"""The /api routes with which administrators find, approve, change and delete accounts."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.services.accounts import ADMIN_EMAIL, Accounts, faulty_fields, headers_of, jmbg, problem, register


class TestAdministration:
    """The routes under /api/users."""

    @pytest.fixture(autouse=True)
    def _administrator(self, waiting_accounts: Accounts) -> None:
        self.accounts = waiting_accounts
        self.headers = waiting_accounts.logged_in()

    def get(self, path: str) -> Any:
        response = self.accounts.client.get(path, headers=self.headers)
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.get_json()

    def emails(self, query: str) -> list[str]:
        return [item["email"] for item in self.get(f"/api/users?{query}")["items"]]

    def patch(self, user_id: int, body: Any, match: str | None = "*") -> TestResponse:
        headers = self.headers if match is None else {**self.headers, "If-Match": match}
        return self.accounts.client.patch(f"/api/users/{user_id}", json=body, headers=headers)

    def test_accounts_are_listed_in_pages(self) -> None:
        for number in range(1, 5):
            register(self.accounts, number)
        pages = [self.get(f"/api/users?page={page}&per_page=2") for page in (1, 2, 3, 4)]
        assert [[item["id"] for item in page["items"]] for page in pages] == [[1, 2], [3, 4], [5], []]
        assert all((page["total"], page["per_page"]) == (5, 2) for page in pages)

    def test_accounts_are_found_by_parts_of_names_by_role_and_by_approval(self) -> None:
        register(self.accounts, 1, forename="Đorđe", username="djole", role="campaign_director")
        register(self.accounts, 2, surname="100%_Sure", role="candidate")
        register(self.accounts, 3, role="official")
        assert self.emails("search=Đorđe") == ["vera1@gmail.com"]
        assert self.emails("search=JOL") == ["vera1@gmail.com"]
        assert self.emails("search=0%25_s") == ["vera2@gmail.com"]
        assert self.emails(f"search={jmbg(3)}") == ["vera3@gmail.com"]
        assert self.emails(f"search={jmbg(3)[:12]}") == []
        assert self.emails("search=%25") == ["vera2@gmail.com"]
        assert self.emails("search=VERA&approval=waiting") == ["vera3@gmail.com"]
        assert self.emails("role=candidate") == ["vera2@gmail.com"]
        assert self.emails("role=administrator") == [ADMIN_EMAIL]
        assert self.emails("role=auditor") == []

    @pytest.mark.parametrize(
        "query", ["page=0", "page=x", "per_page=0", "per_page=201", "role=king", "approval=maybe", "search=%00"]
    )
    def test_a_bad_query_is_named_by_its_field(self, query: str) -> None:
        response = self.accounts.client.get(f"/api/users?{query}", headers=self.headers)
        assert faulty_fields(response) == [query.split("=")[0]]

    def test_one_account_is_shown_with_its_version_and_never_its_password(self) -> None:
        account = register(self.accounts, 1)
        response = self.accounts.client.get(f"/api/users/{account['id']}", headers=self.headers)
        assert (response.get_json(), response.headers["ETag"]) == (account, '"1"')
        assert b"argon2" not in response.data
        assert b"password" not in response.data

    @pytest.mark.parametrize("user_id", [0, 99, 2**31, 2**63, 10**30])
    def test_an_account_that_does_not_exist_is_not_found(self, user_id: int) -> None:
        problem(self.accounts.client.get(f"/api/users/{user_id}", headers=self.headers), 404)
        problem(self.patch(user_id, {"approval": "approved"}), 404)
        problem(self.accounts.client.delete(f"/api/users/{user_id}", headers=self.headers), 404)

    def test_an_approved_official_may_log_in(self) -> None:
        account = register(self.accounts, 1, role="official")
        response = self.patch(account["id"], {"approval": "approved"}, '"1"')
        assert (response.get_json()["approval"], response.headers["ETag"]) == ("approved", '"2"')
        assert headers_of(self.accounts, 1)

    def test_roles_are_granted_and_taken_and_counted_as_a_change(self) -> None:
        account = register(self.accounts, 1)
        granted = self.patch(account["id"], {"roles": ["auditor", "voter", "voter"]}, '"1"')
        assert (granted.get_json()["roles"], granted.headers["ETag"]) == (["auditor", "voter"], '"2"')
        taken = self.patch(account["id"], {"roles": ["candidate"]}, '"2"')
        assert (taken.get_json()["roles"], taken.headers["ETag"]) == (["candidate"], '"3"')

    def test_officials_belong_to_polling_stations_which_their_tokens_say(self) -> None:
        account = register(self.accounts, 1, role="official")
        body = {"approval": "approved", "stations": [9, 7, 9]}
        assigned = self.patch(account["id"], body, '"1"')
        assert (assigned.get_json()["stations"], assigned.headers["ETag"]) == ([7, 9], '"2"')
        token = headers_of(self.accounts, 1)["Authorization"].removeprefix("Bearer ")
        assert self.accounts.claims(token)["stations"] == [7, 9]
        fewer = self.patch(account["id"], {"stations": [9]}, '"2"')
        assert (fewer.get_json()["stations"], fewer.headers["ETag"]) == ([9], '"3"')
        # Who is no official any more belongs to none.
        other = self.patch(account["id"], {"roles": ["auditor"]}, '"3"')
        assert other.get_json()["stations"] == []
        token = headers_of(self.accounts, 1)["Authorization"].removeprefix("Bearer ")
        assert "stations" not in self.accounts.claims(token)

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"stations": [1]}, "stations"),
            ({"roles": ["candidate"], "stations": [1]}, "stations"),
            ({"roles": ["official"], "stations": list(range(1, 102))}, "stations"),
            ({"roles": ["official"], "stations": [0]}, "stations.0"),
            ({"roles": ["official"], "stations": ["1"]}, "stations.0"),
            ({"roles": ["official"], "stations": 1}, "stations"),
        ],
    )
    def test_stations_that_cannot_be_are_refused_and_nothing_is_changed(self, body: Any, field: str) -> None:
        account = register(self.accounts, 1)
        assert faulty_fields(self.patch(account["id"], body)) == [field]
        assert self.get(f"/api/users/{account['id']}") == account
        assert self.patch(account["id"], {"roles": ["official"], "stations": [1]}).status_code == 200

    def test_of_two_administrators_the_one_who_read_an_older_state_is_refused(self) -> None:
        account = register(self.accounts, 1)
        assert self.patch(account["id"], {"roles": ["auditor"]}, '"1"').status_code == 200
        problem(self.patch(account["id"], {"roles": ["official"]}, '"1"'), 412)
        problem(self.patch(account["id"], {"roles": ["official"]}, None), 428)
        assert self.get(f"/api/users/{account['id']}")["roles"] == ["auditor"]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"roles": []}, "roles"),
            ({"roles": ["administrator", "official"]}, "roles"),
            ({"roles": "administrator"}, "roles"),
            ({"roles": ["king"]}, "roles.0"),
            ({"approval": "maybe"}, "approval"),
            ({"approval": 1}, "approval"),
            ({"email": "x@y.zz"}, "email"),
            ({}, "json"),
            ({"roles": None, "approval": None}, "json"),
        ],
    )
    def test_a_bad_change_is_named_by_its_field(self, body: Any, field: str) -> None:
        account = register(self.accounts, 1)
        assert faulty_fields(self.patch(account["id"], body))[0] == field

    def test_the_last_administrator_stays_one(self) -> None:
        for change in ({"roles": ["candidate"]}, {"approval": "refused"}, {"approval": "waiting"}):
            problem(self.patch(1, change), 409)
        problem(self.accounts.client.delete("/api/users/1", headers=self.headers), 409)
        second = self.accounts.administrator(2)
        assert self.patch(1, {"roles": ["candidate"]}).status_code == 200
        # The first one's token still says administrator, the store does not.
        problem(self.accounts.client.get("/api/users", headers=self.headers), 403)
        problem(self.patch(2, {"roles": ["candidate"]}), 403)
        self.headers = second
        problem(self.patch(2, {"approval": "refused"}), 409)

    def test_an_administrator_who_may_not_log_in_does_not_count_as_one(self) -> None:
        register(self.accounts, 1, role="official")
        self.accounts.change("vera1@gmail.com", roles=["administrator"])
        problem(self.patch(1, {"roles": ["candidate"]}), 409)

    def test_a_deleted_account_is_gone_and_its_details_are_free(self) -> None:
        details = {"username": "vera", "phone": "064111111"}
        account = register(self.accounts, 1, **details)
        headers = headers_of(self.accounts, 1)
        path = f"/api/users/{account['id']}"
        problem(self.accounts.client.delete(path, headers={**self.headers, "If-Match": '"7"'}), 412)
        response = self.accounts.client.delete(path, headers={**self.headers, "If-Match": '"1"'})
        assert (response.status_code, response.data) == (204, b"")
        problem(self.accounts.client.get(path, headers=self.headers), 404)
        problem(self.accounts.client.delete(path, headers=self.headers), 404)
        problem(self.accounts.client.get("/api/profile", headers=headers), 401)
        assert self.emails("search=vera") == []
        assert register(self.accounts, 1, **details)["id"] != account["id"]

    @pytest.mark.parametrize("role", ["voter", "candidate", "campaign_director", "official", "auditor"])
    def test_only_administrators_see_and_change_accounts(self, role: str) -> None:
        register(self.accounts, 1)
        self.accounts.change("vera1@gmail.com", roles=[role])
        self.headers = headers_of(self.accounts, 1)
        problem(self.accounts.client.get("/api/users", headers=self.headers), 403)
        problem(self.accounts.client.get("/api/users/1", headers=self.headers), 403)
        problem(self.patch(1, {"roles": ["candidate"]}), 403)
        # Who may not do it is not told what is wrong with it.
        problem(self.patch(1, {"nonsense": True}), 403)
        problem(self.accounts.client.delete("/api/users/1", headers=self.headers), 403)
