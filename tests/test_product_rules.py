"""docs/product.md has every section that code, tests and documents cite."""

import re
import subprocess

import pytest

from quizarena.local.services import CHECKOUT

RULES = (CHECKOUT / "docs" / "product.md").read_text(encoding="utf-8")
# "Product rules, sections 5.3 and 5.4", "(product rules, 5.1)", "product.md section 11".
CITED = re.compile(
    r"product(?: |\.md )?(?:rules,?|section)(?: sections?)? "
    r"(\d+(?:\.\d+)?(?:(?:, | and )\d+(?:\.\d+)?)*)(?![\d.]*\d)",
    re.IGNORECASE,
)


def files() -> list[str]:
    """Return the paths of what the project consists of."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py", "*.md", "*.html"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("This is no checkout of git.")
    return [path for path in listed.stdout.splitlines() if path != "docs/product.md"]


def sections() -> set[str]:
    """Return the numbers of the sections, and of their numbered rules."""
    numbers = set()
    for part in re.split(r"^## ", RULES, flags=re.MULTILINE)[1:]:
        section = part.split(".", 1)[0]
        numbers.add(section)
        numbers |= {f"{section}.{rule}" for rule in re.findall(r"\n(\d+)\. ", part)}
    return numbers


def cited(text: str) -> set[str]:
    """Return the sections that a text cites."""
    joined = re.sub(r"\s*\n\s*(?:# )?", " ", text)
    return {
        number for found in CITED.findall(joined) for number in re.findall(r"\d+(?:\.\d+)?", found)
    }


def test_a_citation_is_found_however_it_is_written() -> None:
    text = "Product rules, sections 5.3 and 5.4.\n(product\n# rules, 5.1) product.md section 11; "

    assert cited(text) == {"5.3", "5.4", "5.1", "11"}


def test_the_sections_are_one_to_sixteen() -> None:
    assert {number for number in sections() if "." not in number} == {
        str(number) for number in range(1, 17)
    }


def test_every_section_that_is_cited_exists() -> None:
    known = sections()
    found = {
        path: cited((CHECKOUT / path).read_text(encoding="utf-8", errors="replace")) - known
        for path in files()
        if (CHECKOUT / path).is_file() and path != "tests/test_product_rules.py"
    }

    assert {path: numbers for path, numbers in found.items() if numbers} == {}
    assert len(known) == 16 + 12
