"""What is shown of a CSV file that a service took in, or only looked at: polling stations, citizens, officials."""

from typing import Any

from rich.console import Console

# Of a file in which everything is wrong nobody reads more than these.
_MOST_SHOWN = 20


def show_import(console: Console, found: dict[str, Any], *, may_skip: bool = True) -> None:
    """The numbers, the first problems, and what to do next; ``may_skip``: whether wrong lines can be left out."""
    would = "" if found["done"] else "would be "
    console.print(
        f"{found['new']:,} new, {found['changed']:,} {would}changed, {found['same']:,} as they are, "
        f"{found['wrong']:,} wrong."
    )
    if found["ignored_columns"]:
        console.print(f"Columns that mean nothing here: {', '.join(found['ignored_columns'])}.", soft_wrap=True)
    for one in found["problems"][:_MOST_SHOWN]:
        console.print(f"Line {one['line']}, {one['field']}: {one['message']}", soft_wrap=True)
    if found["wrong"] > _MOST_SHOWN:
        console.print("Further wrong lines are in the answer with --json.")
    if found["done"]:
        console.print("Imported.")
    elif found["wrong"]:
        others = ", or import the others with --skip-wrong" if may_skip else ""
        console.print(f"Nothing was changed. Mend the wrong lines{others}.")
    else:
        console.print("Nothing was changed; import it without --preview.")
