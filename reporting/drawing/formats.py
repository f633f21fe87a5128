"""Formats numbers and times as Power BI does, by the format strings of measures and columns."""

from __future__ import annotations

import datetime as dt
import decimal
import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

BLANK = "(Blank)"

_WIDE = decimal.Context(prec=400)

_SECTION = re.compile(r';(?=(?:[^"]*"[^"]*")*[^"]*$)')
_PIECE = re.compile(r'"([^"]*)"|\\(.)|([#0,.%]+)|(.)')
_TIME = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}


def formatted(value: Any, pattern: str, blank: str = "") -> str:
    """A value by a Power BI format string. `blank` stands for None."""
    if value is None:
        return blank
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, dt.datetime):
        return value.strftime(_strftime(pattern or "yyyy-MM-dd HH:mm:ss"))
    if isinstance(value, int | float | Decimal):
        return _number(value, pattern)
    return str(value)


def _number(value: float | Decimal, pattern: str) -> str:
    if not pattern:
        return f"{value:,}" if isinstance(value, int) else f"{float(value):,.4g}"
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    if not exact.is_finite():
        return str(value)
    sections = _SECTION.split(pattern)
    sign = "-" if exact < 0 else ""
    if len(sections) > 1 and exact < 0:
        # A separate section for negative numbers is used as it is: it includes its own minus sign.
        return _section(abs(exact), sections[1], "")
    if len(sections) > 2 and exact == 0:
        return _section(exact, sections[2], "")
    return _section(abs(exact), sections[0], sign)


def _section(number: Decimal, pattern: str, sign: str) -> str:
    """Formats a non-negative number by one section: its first run of #, 0 and the like, and the texts around it."""
    pieces = [m.groups() for m in _PIECE.finditer(pattern)]
    digits = "".join(core or "" for _, _, core, _ in pieces)
    percent = "%" in digits
    made, core_done = "", False
    for quoted, escaped, core, other in pieces:
        if core is None:
            made += quoted if quoted is not None else escaped or other or ""
            continue
        if not core_done and core.strip("%"):
            made += _digits(number * 100 if percent else number, core.strip("%"))
            core_done = True
        made += "%" if "%" in core else ""
    zero = _is_zero(made)
    return made if zero else sign + made


def _digits(number: Decimal, core: str) -> str:
    whole, _, places = core.partition(".")
    # .NET rounds half away from zero.
    rounded = number.quantize(Decimal(1).scaleb(-len(places)), ROUND_HALF_UP, context=_WIDE)
    text = f"{rounded:,f}" if "," in whole else f"{rounded:f}"
    if "." not in text:
        return text
    front, fraction = text.split(".")
    least = places.count("0")
    while len(fraction) > least and fraction.endswith("0"):
        fraction = fraction[:-1]
    return f"{front}.{fraction}" if fraction else front


def _is_zero(text: str) -> bool:
    return not any(c in "123456789" for c in text)


def _strftime(pattern: str) -> str:
    return re.sub("|".join(_TIME), lambda m: _TIME[m[0]], pattern)
