"""The look at a page finds what somebody cannot read, in light and in dark."""

import pytest
from playwright.sync_api import Browser

from tests.browser.looking import assert_everybody_can_use

_ROWS = "".join(f'<tr><td class="{"pale" if number == 17 else "plain"}">{number}</td></tr>' for number in range(20))


def _page(style: str, rows: str) -> str:
    return f"""<!doctype html><html lang="en"><title>Votes</title><style>{style}</style>
    <main><h1>Votes</h1><table><thead><tr><th>Votes</th></tr></thead><tbody>{rows}</tbody></table></main></html>"""


@pytest.mark.parametrize(
    ("style", "wrong"),
    [
        ("", ""),
        (".pale { color: #ccc; background: #fff }", "light: color-contrast"),
        ("@media (prefers-color-scheme: dark) { .pale { color: #333; background: #000 } }", "dark: color-contrast"),
        (".plain { color: #ccc; background: #fff }", "light: color-contrast"),
    ],
)
def test_a_row_that_nobody_can_read_is_found_among_many(browser: Browser, style: str, wrong: str) -> None:
    page = browser.new_page()
    page.set_content(_page(style, _ROWS))
    if wrong:
        with pytest.raises(AssertionError, match=wrong):
            assert_everybody_can_use(page)
    else:
        assert_everybody_can_use(page)
    page.close()
