"""Our stylesheet made fit for a page that has the shop's stylesheets, too."""

from __future__ import annotations

import re


def framed_sheet(css: str, *, dark: bool) -> str:
    """Our stylesheet for a page of the shop's: it reaches nothing outside of .portal, and the shop's nothing inside.

    The shop's own rules are in the layer before ours, and a shield between the two takes back whatever they say of our
    elements. A shop's `!important` is stronger than any layer. Our sizes follow the reader's own text size and not the
    shop's, which often makes a rem 10 px. Without `dark` it stays light, as the shop's page does.
    """
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    order = re.search(r"@layer ([\w, ]+);", css)
    css = css.replace(order[0], "", 1) if order else css
    apart = re.compile(r"@(?:keyframes|page|font-face)\b[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")
    outside = "\n".join(apart.findall(css))
    css = apart.sub("", css)
    css = re.sub(r"(?<![\w.-])(?:\.portal|:root)(?![\w-])", "&", css)
    css = re.sub(
        r"(@media[^{]*)|(?<![\w.])(\d*\.?\d+)rem\b", lambda found: found[1] or f"calc({found[2]}*var(--rem))", css
    )
    if not dark:
        css = css.replace("(prefers-color-scheme: dark)", "not all").replace(
            "color-scheme: light dark", "color-scheme: light"
        )
    return f"@layer shield, {order[1] if order else ''};\n{SHIELD}\n.portal {{\n{css}\n}}\n{outside}\n"


# Chromium counts `hidden` and the sizes of pictures as styles of the page, which `revert` takes back too.
SHIELD = """@property --rem { syntax: "<length>"; inherits: true; initial-value: 16px; }
@layer shield {
  .portal { all: initial; display: block; font-size: medium; --rem: 1em; }
  .portal :not(svg *, img), .portal ::before, .portal ::after { all: revert; }
  .portal [hidden] { display: none; }
  .portal img { display: inline; position: static; float: none; margin: 0; padding: 0; border: 0; opacity: 1; }
}
.portal.portal { font-family: inherit; font-size: medium; }
@media print { body > :not(.portal, :has(.portal)) { display: none; } }"""
