"""A report as its tests read it: HTML by html.parser, strictly, with its tables and its data."""

import json
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "link", "input", "wbr", "br", "rect", "line"}
Row = list[str]


class Page(HTMLParser):
    """The tags in order, the tables by id or class, the JSON by id; fails where tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[int] = []
        self.tables: dict[str, list[Row]] = {}
        self.data: dict[str, Any] = {}
        self.text: list[str] = []
        self._rows: list[Row] = []
        self._island: str | None = None
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.tags.append((tag, tuple(found)))
        self.attributes.append((tag, found))
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("h1", "h2", "h3", "h4"):
            self.headings.append(int(tag[1]))
        if tag == "table":
            self._rows = self.tables.setdefault(str(found.get("id") or found.get("class")), [])
        if tag == "tr":
            self._rows.append([])
        if tag in ("td", "th"):
            self._rows[-1].append("")
        if tag == "script":
            self._island = str(found.get("id", "script"))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open, f"</{tag}> closes nothing"
        opened = self.open.pop()
        assert opened == tag, f"</{tag}> where <{opened}> is open"

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self.open and self.open[-1] == "script":
            if self._island not in (None, "script"):
                self.data[str(self._island)] = json.loads(data)
        elif "td" in self.open or "th" in self.open:
            self._rows[-1][-1] += data

    def targets(self) -> list[str]:
        """The places in the page that it links to."""
        return [str(found["href"])[1:] for tag, found in self.attributes if tag == "a"]

    def ids(self) -> list[str]:
        return [str(found["id"]) for _, found in self.attributes if "id" in found]


def numbers(row: Row) -> list[int]:
    """The cells after the first, empty ones as 0."""
    return [int(cell.strip() or 0) for cell in row[1:]]
