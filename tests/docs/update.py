"""`python -m tests.docs.update`: write the numbers of the results into the claims on the pages.

Numbers are rounded to the digits that the page shows. The sentences around them stay: read each one
that this prints, since what it says of the numbers may no longer hold.
"""

from __future__ import annotations

import re

from tests.docs.claims import CLAIMS
from tests.docs.numbers import ROOT, Claim
from tests.docs.test_numbers import NUMBER, agrees


def rounded(shown: str, value: float) -> str:
    """Format a number as the one it replaces: its digits, separators and minus sign."""
    digits = len(shown.partition(".")[2])
    text = f"{value:,.{digits}f}" if "," in shown or abs(value) >= 1000 else f"{value:.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.removeprefix("-")
    text = text.replace("-", "−") if "−" in shown else text
    return f"+{text}" if shown.startswith("+") and value >= 0 else text


def updated(page: str, claim: Claim) -> str:
    """Return the page with the claim's numbers. Raises `ValueError` unless it occurs once."""
    words = re.escape(claim.text).replace(r"\{\}", NUMBER)
    occurrences = list(re.finditer(re.sub(r"(\\?\s)+", lambda _: r"\s+", words), page))
    if len(occurrences) != 1:
        raise ValueError(f"{claim.text!r} occurs {len(occurrences)} times in {claim.page}")
    found = occurrences[0]
    for group in range(len(claim.numbers), 0, -1):  # from the end, so that positions stay right
        shown, value = found[group], claim.numbers[group - 1]()
        if not agrees(shown, value):
            page = page[: found.start(group)] + rounded(shown, value) + page[found.end(group) :]
    return page


def main() -> None:
    """Update every page, and print the sentences that changed."""
    for claim in CLAIMS:
        path = ROOT / claim.page
        before = path.read_text()
        try:
            after = updated(before, claim)
        except ValueError as error:
            print(error)
            continue
        if after != before:
            path.write_text(after)
            print(f"{claim.page}: {claim.text}")


if __name__ == "__main__":
    main()
