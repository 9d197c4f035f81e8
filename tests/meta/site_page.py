"""A page of the website as its tests read it: what it links to and loads, its places, its code and its text."""

import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag

LOADED = {"script": "src", "img": "src", "link": "href"}
"""What a browser fetches by itself, and by which attribute."""


class SitePage(HTMLParser):
    """Reads the page's text at once."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.code: list[str] = []
        self.formulas: list[str] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        self.tags.append((tag, found))
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if "href" in found and tag != "link" else []
        self.loads += [found[LOADED[tag]]] if found.get(LOADED.get(tag, "")) and not _only_told(found) else []
        if tag in ("pre", "math"):
            (self.code if tag == "pre" else self.formulas).append("")
        if tag in ("pre", "math", "script", "style"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        if inside == "pre":
            self.code[-1] += data
        elif inside == "math":
            self.formulas[-1] += data
        if inside not in ("script", "style"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)


def _only_told(attributes: dict[str, str]) -> bool:
    """Whether a `link` names a page, and loads nothing."""
    return attributes.get("rel", "") in ("next", "prev", "search", "index", "author")


def broken(pages: Mapping[str, SitePage], files: set[str]) -> Iterator[str]:
    """The links within the site that lead nowhere; all pages lie at its top or name their places from there."""
    for name, page in pages.items():
        for link in [*page.links, *page.loads]:
            if re.match(r"[a-z]+:", link):
                continue
            address, place = urldefrag(unquote(link))
            target = address.partition("?")[0] or name
            if target not in files:
                yield f"{name}: {link} is no file"
            elif place and target in pages and place not in pages[target].ids:
                yield f"{name}: {link} is no place in {target}"
