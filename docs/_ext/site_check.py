"""A look over the built pages: links within the site lead somewhere, and no page loads anything from another host."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

_LOADS: Final = {
    "script": "src",
    "img": "src",
    "link": "href",
    "iframe": "src",
    "source": "src",
    "video": "src",
}
_STYLE: Final = re.compile(r"""(?:@import\s+|url\()["']?(?:https?:)?//[^)"'\s]+""")


class _Page(HTMLParser):
    """The links of a page, what it loads, and the places that links may lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.places.add(given.get("id", ""))
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in _LOADS and _LOADS[tag] in given:
            self.loaded.append(given[_LOADS[tag]])


def faults(site: Path) -> list[str]:
    """What is wrong with the pages of a folder, a sentence each."""
    pages = {path.resolve(): _Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        where = path.relative_to(site.resolve())
        found += [f"{where} loads {url} from another host" for url in page.loaded if urlsplit(url).netloc]
        found += [f"{where}: {fault}" for link in page.links if (fault := _broken(path, link, pages))]
    for style in sorted(site.rglob("*.css")):
        loaded = _STYLE.findall(style.read_text(encoding="utf-8"))
        found += [f"{style.relative_to(site)} loads {url} from another host" for url in loaded]
    return found


def _broken(path: Path, link: str, pages: dict[Path, _Page]) -> str | None:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.exists():
        return f"the link {link} leads nowhere"
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places:
        return f"the link {link} names a place that its page does not have"
    return None


def _check(app: Any, failure: Exception | None) -> None:
    from sphinx.errors import ExtensionError

    if failure is None and app.builder.name == "html" and (found := faults(Path(app.outdir))):
        raise ExtensionError("\n".join(found))


def setup(app: Any) -> dict[str, Any]:
    """Run when the pages are written."""
    app.connect("build-finished", _check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
