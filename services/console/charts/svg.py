"""SVG as text: elements with escaped texts and attributes, without styles and scripts."""

from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr


def element(name: str, /, *children: str, **attributes: object) -> str:
    """An element around finished SVG. `class_` stands for `class`, an underscore for a hyphen."""
    written = "".join(
        f" {attribute.rstrip('_').replace('_', '-')}={quoteattr(str(value))}"
        for attribute, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{''.join(children)}</{name}>" if children else f"<{name}{written}/>"


def text(content: str, **attributes: object) -> str:
    """A text on the drawing."""
    return element("text", escape(content), **attributes)


def titled(content: str) -> str:
    """The text that is shown when the pointer rests on the element around it."""
    return element("title", escape(content))


def document(width: int, height: int, id: str, title: str, description: str, parts: Iterable[str]) -> str:
    """A whole drawing, which screen readers treat as one picture. `id` must be unique on the page."""
    return element(
        "svg",
        element("title", escape(title), id=f"{id}-title"),
        element("desc", escape(description), id=f"{id}-desc"),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        class_="chart",
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_labelledby=f"{id}-title",
        aria_describedby=f"{id}-desc",
        id=id,
    )
