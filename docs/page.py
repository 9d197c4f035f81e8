"""Takes the README's picture of the page, from the real page: `uv run python -m docs.page`. Needs chromium."""

import tempfile
from pathlib import Path

from kata.waist.implementation import ROOT
from tests.meta.page_browser import LONG, chromium, serving, with_body

KATA = "huber"
MISTAKE = """y_true, y_pred = as_tensors(y_true, y_pred)
error = tf.abs(y_true - y_pred)
return tf.reduce_mean(tf.where(error <= delta, error**2 / 2, delta * error))"""


def main() -> None:
    """A kata that is nearly right, with its verdict and its picture."""
    with tempfile.TemporaryDirectory() as name, serving(Path(name)) as served, chromium(Path(name) / "p") as browser:
        browser.size(1280, 800)
        browser.open(served, KATA)
        browser.type_code(with_body(browser.code, MISTAKE))
        browser.judged("Not right yet")
        browser.until(lambda: "Looking for" not in browser.text("aside") and "yours is" in browser.text("aside"), LONG)
        browser.ask("const s = document.querySelector('.cm-scroller'); s.scrollTop = s.scrollHeight")
        browser.ask("document.activeElement.blur()")
        browser.picture(ROOT / "docs" / "page.png")


if __name__ == "__main__":
    main()
