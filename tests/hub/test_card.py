"""The Markdown page of a rule's card."""

from __future__ import annotations

from metaplastic.hub import RuleCard, card_markdown


def test_a_licence_is_stated_only_if_given() -> None:
    page = card_markdown(RuleCard(title="A rule of my own"))
    assert "licen" not in page


def test_a_page_holds_no_control_characters_or_further_front_matter() -> None:
    odd = "x\x1b[31m\nlicense: mit\n---\n```\n# y"
    card = RuleCard(title=odd, licence=odd, command=odd, hardware=odd, objective=odd)
    page = card_markdown(card, name=odd, facts={"rule": odd})
    assert page.count("\n---\n") == 1
    matter = page.split("\n---\n")[0].splitlines()
    assert [line.split(":")[0] for line in matter[1:]] == ["library_name", "license", "tags"]
    assert matter[2].startswith('license: "x')
    assert all(line.isprintable() for line in page.split("\n"))
    assert "\n````\nx" in page
    assert "\n# y" not in page
    page = card_markdown(RuleCard(licence="GPL-3.0-or-later", notes="- one\x1b\n\t- two"))
    assert "\nlicense: gpl-3.0-or-later\n" in page
    assert "\n- one\N{REPLACEMENT CHARACTER}\n    - two\n" in page
