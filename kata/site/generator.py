"""Runs Sphinx on the pages: MyST reads them, Furo lays them out, and what it warns of is an error.

Of well-kept generators: MkDocs and its Material theme are no longer developed; Zensical, their successor, is young, and
builds in parallel; Sphinx checks every link and formula, gives the same bytes again, and searches without a server.
"""

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

from kata.course import curriculum
from kata.site.maths import Unreadable, mathml

_STYLE = Path(__file__).with_name("site.css")
_SETTINGS: dict[str, Any] = {
    "project": "Katas for TensorFlow",
    "extensions": ["myst_parser", "kata.site.generator"],
    "language": "en",
    "smartquotes": False,  # code and contracts are quoted to the letter
    "highlight_language": "text",
    "myst_enable_extensions": ["dollarmath", "deflist"],
    "myst_fence_as_directive": ["math"],
    "myst_dmath_allow_space": False,
    "html_theme": "furo",
    "html_title": "Katas for TensorFlow",
    "html_math_renderer": "mathml",
    "html_static_path": ["static"],
    "html_css_files": ["site.css"],
    "html_copy_source": False,
    "html_show_sourcelink": False,
    "html_show_copyright": False,
    "html_use_index": False,
    "html_domain_indices": False,
    "html_sidebars": {
        "**": [
            "sidebar/brand.html",
            "sidebar/search.html",
            "sidebar/scroll-start.html",
            "sidebar/navigation.html",
            "sidebar/scroll-end.html",
        ]
    },
    "html_theme_options": {"top_of_page_buttons": []},
}
_NOT_SERVED = (".buildinfo", "objects.inv")
"""What the generator writes for itself and for other manuals."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

_log = logging.getLogger(__name__)


class Ungenerated(ValueError):
    """The generator refuses a page; the text says which, and why."""


def generate(pages: Mapping[str, bytes], scratch: Path, out: Path) -> None:
    """Make a website of the `pages`.

    Args:
        pages: Markdown, and the pictures that it shows, by their paths.
        scratch: an empty folder for what is needed on the way.
        out: the folder for the site.

    Raises:
        Ungenerated: a page has a link that leads nowhere, a formula that cannot be read, or another fault.
    """
    source, said = scratch / "source", io.StringIO()
    for path, data in {**pages, "static/site.css": _STYLE.read_bytes()}.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_bytes(data)
    try:
        # The pages are few, and one process keeps their order.
        Sphinx(
            source,
            None,
            out,
            scratch / "trees",
            "html",
            dict(_SETTINGS),
            status=None,
            warning=said,
            freshenv=True,
            parallel=1,
        ).build()
    except SphinxError as error:
        raise Ungenerated(f"the pages cannot be made: {error}") from None
    problems = _COLOUR.sub("", said.getvalue()).replace(f"{source.resolve()}/", "").strip()
    if problems:
        raise Ungenerated(f"nothing was written, for the pages have faults; mend their lessons:\n{problems}")
    for name in _NOT_SERVED:
        (out / name).unlink(missing_ok=True)


class NamedByKata(SphinxTransform):
    """A kata's section has the kata's name for its place in the page, with underscores and capitals as they are."""

    default_priority = 840  # after names were given, before anybody notes them

    def apply(self, **_: Any) -> None:
        katas = {kata.name for kata in curriculum.katas()}
        for section in self.document.findall(nodes.section):
            name = section[0].astext()
            if name in katas:
                for label in section["names"]:
                    self.document.nameids[label] = name
                section["ids"] = [name]
                self.document.ids[name] = section


def _visit_inline(writer: HTML5Translator, node: nodes.math) -> None:
    writer.body.append(_shown(node, is_block=False))
    raise nodes.SkipNode


def _visit_block(writer: HTML5Translator, node: nodes.math_block) -> None:
    # Wider than a phone, it is scrolled, by keyboard too.
    writer.body.append(f'<div class="formula" tabindex="0">{_shown(node, is_block=True)}</div>\n')
    raise nodes.SkipNode


def _shown(node: nodes.Element, *, is_block: bool) -> str:
    try:
        return mathml(node.astext(), is_block=is_block)
    except Unreadable as error:
        _log.warning("%s", error, location=node)
        return ""


def _reach_tables(_: Sphinx, page: str, template: str, context: dict[str, Any], tree: object) -> None:
    """Let the keyboard scroll a table that is wider than the screen."""
    if "body" in context:
        context["body"] = context["body"].replace('<div class="table-wrapper', '<div tabindex="0" class="table-wrapper')


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls: this module is an extension of it too."""
    app.add_transform(NamedByKata)
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    app.connect("html-page-context", _reach_tables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
