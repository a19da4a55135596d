"""Colours of texts against what lies behind them: at least 4.5 to 1 in either scheme (WCAG 2.2, 1.4.3)."""

import re

import pytest

from services.console.looks import assets

#: A text's colour, and every ground that it stands on.
ON = {
    "ink": ("page", "card", "faint", "warn-back"),
    "soft": ("page", "card", "faint", "warn-back"),
    "link": ("page", "card", "warn-back"),
    "on-primary": ("primary",),
    "good": ("card", "good-back", "warn-back"),
    "warn": ("warn-back",),
    "bad": ("card", "bad-back"),
    "info": ("info-back",),
}


def colours() -> dict[str, dict[str, str]]:
    """By scheme, the stylesheet's colours by name; the dark ones over the light ones."""
    style = assets()["console.css"].content.decode()
    colours = [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in re.findall(r":root {(.*?)}", style, re.S)
    ]
    return {"light": colours[0], "dark": colours[0] | colours[1]}


def luminance(colour: str) -> float:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(colour: str, other: str) -> float:
    lighter, darker = sorted((luminance(colour), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read(scheme: str) -> None:
    named = colours()[scheme]
    weak = {
        f"{text} on {ground}": round(contrast(named[text], named[ground]), 2)
        for text, grounds in ON.items()
        for ground in grounds
        if contrast(named[text], named[ground]) < 4.5
    }
    assert not weak


def test_the_measure_is_the_standards() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
