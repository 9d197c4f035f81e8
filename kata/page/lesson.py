"""A lesson's Markdown as HTML: formulas as MathML, which a browser shows by itself, pictures from this machine."""

import functools
from html import escape
from typing import Any

from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin


def formula(text: str, *, is_block: bool) -> str:
    """The formula as MathML; as it is written where it cannot be read."""
    try:
        return str(convert(text.strip(), display="block" if is_block else "inline"))
    except Exception:
        return f"<code>{escape(text)}</code>"


def _formula(text: str, options: dict[str, Any]) -> str:
    return formula(text, is_block=bool(options["display_mode"]))


def _block(self: Any, tokens: Any, number: int, options: Any, env: Any) -> str:
    token = tokens[number]
    if token.info.strip() == "math":
        return f'<div class="formula" tabindex="0">{_formula(token.content, {"display_mode": True})}</div>\n'
    return f'<pre tabindex="0"><code>{escape(token.content)}</code></pre>\n'


@functools.cache
def renderer(pictures: str) -> MarkdownIt:
    """What renders lessons; `pictures` is the address under which `plots/` is found."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.use(dollarmath_plugin, allow_digits=False, double_inline=True, renderer=_formula)
    markdown.add_render_rule("fence", _block)

    def image(self: Any, tokens: Any, number: int, options: Any, env: Any) -> str:
        token = tokens[number]
        source = str(token.attrs.get("src", "")).removeprefix("plots/")
        return f'<img src="{escape(pictures)}/{escape(source)}" alt="{escape(token.content)}" loading="lazy">'

    markdown.add_render_rule("image", image)
    return markdown


def as_html(text: str, pictures: str = "/plots") -> str:
    """`text` as HTML."""
    return str(renderer(pictures).render(text))


def in_line(text: str) -> str:
    """One sentence of Markdown, such as a hint, as HTML without a paragraph around it."""
    return str(renderer("/plots").render(text) if "```" in text else renderer("/plots").renderInline(text))
