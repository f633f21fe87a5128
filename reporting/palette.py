"""The report's colours, shapes and fonts. Not the theme file built from them, and nothing specific to one visual.

A light page with white cards under a dark band, one accent, restrained grid lines: calm from across the room, so that
states stand out. Every pair of colours used for text is in `TEXT_PAIRS`, every colour of a line or bar in `MARK_PAIRS`;
a test computes their contrast (WCAG AA) and how distinguishable the lines are for colour-blind people.
"""

from __future__ import annotations

PAGE = "#EEF2F7"
CARD = "#FFFFFF"
EDGE = "#D5DDE8"
GRID = "#E3E9F0"
INK = "#0F1B2D"
MUTED = "#46566B"
BAND = "#0B1F3A"
ON_BAND = "#FFFFFF"
MUTED_ON_BAND = "#B9C8DD"
SELECTED_ON_BAND = "#1F4F8F"
LIVE_ON_BAND = "#7FE3AA"
STALE_ON_BAND = "#FFB4A8"
ACCENT = "#0B5FD0"
STRIPE = "#F5F8FB"
DATA_COLOURS = ("#0B5FD0", "#D1660A", "#00786B", "#9C2F86", "#5C6B7E", "#7A5C00", "#4B3FA8", "#A3262A")
"""Colours of lines and bars, in order: the accent first, then what is next to it (a baseline)."""
EXPECTED = "#76869B"
"""Colour of the lines between which a trend is expected."""

SHAPES = ("●", "◆", "▼")
"""Shapes of states: good, to be watched, bad."""
STATE_COLOURS = ("#0B6A0B", "#8A5A00", "#B10E1C")
"""Colours of states: good, to be watched, bad. Contrast is at least 4.5:1 on white and on the page background."""
NO_COLOUR = "#5C5C5C"
"""Colour of a state without data."""

TEXT_PAIRS = (
    *((text, ground) for text in (INK, MUTED) for ground in (CARD, PAGE, STRIPE)),
    *((state, ground) for state in (*STATE_COLOURS, NO_COLOUR) for ground in (CARD, STRIPE, PAGE)),
    *((text, BAND) for text in (ON_BAND, MUTED_ON_BAND, LIVE_ON_BAND, STALE_ON_BAND)),
    (ON_BAND, SELECTED_ON_BAND),
    (ACCENT, CARD),
)
MARK_PAIRS = tuple((mark, CARD) for mark in (*DATA_COLOURS, EXPECTED, ACCENT))

FONT = "'Segoe UI', wf_segoe-ui_normal, helvetica, arial, sans-serif"
STRONG = "'Segoe UI Semibold', wf_segoe-ui_semibold, helvetica, arial, sans-serif"
