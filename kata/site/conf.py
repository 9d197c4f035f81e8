"""What Sphinx reads: how the site looks, formulas as MathML, and katas that keep their names."""

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

from kata.course import curriculum
from kata.site.maths import Unreadable, mathml

project = html_title = "Katas for TensorFlow"
language = "en"
extensions = ["myst_parser"]
smartquotes = False  # code and contracts are quoted to the letter
highlight_language = "text"
myst_enable_extensions = ["dollarmath", "deflist"]
myst_fence_as_directive = ["math"]
myst_dmath_allow_space = False
html_theme = "furo"
html_theme_options: dict[str, Any] = {"top_of_page_buttons": []}
html_math_renderer = "mathml"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_search_scorer = str(Path(__file__).with_name("scorer.js"))
html_copy_source = html_show_sourcelink = html_show_copyright = False
html_use_index = html_domain_indices = False
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}

_log = logging.getLogger(__name__)


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


def setup(app: Sphinx) -> None:
    """What Sphinx calls once it has read all this."""
    app.add_transform(NamedByKata)
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    app.connect("html-page-context", _reach_tables)
