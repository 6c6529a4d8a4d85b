"""What mkdocs does besides: scripts of a page become files, as the content policy demands.

Every page of ours sends one policy, which lets no script stand in a page
(quizarena/staff/content_policy.py). Material writes a few small ones there.
"""

import re
from hashlib import sha256
from pathlib import Path
from typing import Any

# A script with something in it that is one: a block of JSON is data.
_INLINE = re.compile(r"<script>(.+?)</script>", re.DOTALL)
_DIRECTORY = "assets/inline"


def on_post_page(output: str, *, page: Any, config: Any) -> str:
    """Return a page with a file in place of each script that stands in it."""
    return without_scripts(output, site=Path(config["site_dir"]), url=str(page.url))


def on_post_build(*, config: Any) -> None:
    """Delete what a site for everybody has, and one behind a sign-in needs not."""
    for name in ("404.html", "sitemap.xml", "sitemap.xml.gz"):
        (Path(config["site_dir"]) / name).unlink(missing_ok=True)


def without_scripts(html: str, *, site: Path, url: str) -> str:
    """Return the page at `url`, relative to the site, with its scripts in files of the site."""
    up = "../" * url.count("/")

    def moved(found: re.Match[str]) -> str:
        script = found[1]
        name = f"{_DIRECTORY}/{sha256(script.encode()).hexdigest()[:16]}.js"
        (site / _DIRECTORY).mkdir(parents=True, exist_ok=True)
        (site / name).write_text(script)
        return f'<script src="{up}{name}"></script>'

    return _INLINE.sub(moved, html)
