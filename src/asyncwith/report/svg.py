"""Making a drawn picture part of a page: what matplotlib writes becomes SVG that follows the page's colours and rules.

Two things force this. The pages forbid inline styles, and dark mode needs colours that the style sheet decides, so each
figure is drawn in stand-in colours, which become `var(--…)` here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree as ET

__all__ = ["BAND", "INK", "RULE", "SERIES", "SOFT", "inline"]

INK, SOFT, RULE, BAND = "#0a0b01", "#0a0b02", "#0a0b03", "#0a0b04"
SERIES = tuple(f"#0a0c{number:02x}" for number in range(1, 7))
COLOURS = {INK: "var(--ink)", SOFT: "var(--soft)", RULE: "var(--rule)", BAND: "var(--band)"}
COLOURS |= {stand_in: f"var(--series-{number})" for number, stand_in in enumerate(SERIES, start=1)}
NAMESPACE = "{http://www.w3.org/2000/svg}"
XLINK = "{http://www.w3.org/1999/xlink}"
DROPPED = {f"{NAMESPACE}metadata", f"{NAMESPACE}style"}


def inline(source: str, *, name: str, title: str, description: str, notes: Mapping[str, str]) -> str:
    """Return the SVG document `source` as an element of an HTML page.

    `name` keeps its ids apart from those of other pictures, `title` and `description` are read aloud, and each group
    whose id is in `notes` gets that text as its tooltip.
    """
    root = ET.fromstring(source)  # noqa: S314 - drawn by ourselves a moment ago
    for parent in list(root.iter()):
        for child in [child for child in parent if child.tag in DROPPED]:
            parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.removeprefix(NAMESPACE)
        note = notes.get(element.get("id", ""))
        if note is not None:
            tooltip = ET.Element("title")
            tooltip.text = note
            element.insert(0, tooltip)
            element.set("class", "mark")
        element.attrib = {key.removeprefix(XLINK): _value(name, key, value) for key, value in _attributes(element)}
    for position, (tag, text) in enumerate((("title", title), ("desc", description))):
        told = ET.Element(tag, id=f"{name}-{tag}")
        told.text = text
        root.insert(position, told)
    root.attrib = {
        "class": "picture",
        "viewBox": root.get("viewBox", ""),
        "role": "img",
        "aria-labelledby": f"{name}-title {name}-desc",
    }
    return ET.tostring(root, encoding="unicode")


def _attributes(element: ET.Element) -> list[tuple[str, str]]:
    """Return the attributes with those in `style` spelt out, because a page of ours may not carry inline styles."""
    pairs = [(key, value) for key, value in element.attrib.items() if key != "style"]
    for declaration in filter(None, map(str.strip, element.get("style", "").split(";"))):
        key, _, value = map(str.strip, declaration.partition(":"))
        if key == "font":  # size and family in one; the family is the page's
            pairs.append(("font-size", value.split()[0]))
        else:
            pairs.append((key, value))
    return pairs


def _value(name: str, key: str, value: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key.endswith("href"):
        return value.replace("#", f"#{name}-", 1)
    return COLOURS.get(value) or re.sub(r"url\(#", f"url(#{name}-", value)
