"""The codes of New York's TLC trip records, for replaying its files. Events themselves contain names, not codes.

Source: the TLC's data dictionaries and its taxi_zone_lookup.csv (nyc.gov/site/tlc/about/tlc-trip-record-data.page).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PAYMENT_TYPES: Mapping[str, str] = {
    "0": "flex fare",
    "1": "credit card",
    "2": "cash",
    "3": "no charge",
    "4": "dispute",
    "5": "unknown",
    "6": "voided trip",
}

# LocationIDs of each borough. 264 (unknown) and 265 (outside New York) belong to none.
_LOCATIONS = {
    "Manhattan": (
        "4 12-13 24 41-43 45 48 50 68 74-75 79 87-88 90 100 103-105 107 113-114 116 120 125 127-128 137 140-144 148 "
        "151-153 158 161-164 166 170 186 194 202 209 211 224 229-234 236-239 243-244 246 249 261-263"
    ),
    "Queens": (
        "2 7-10 15-16 19 27-28 30 38 53 56-57 64 70 73 82-83 86 92-93 95-96 98 101-102 117 121-122 124 129-132 134-135 "
        "138-139 145-146 157 160 171 173 175 179-180 191-193 196-198 201 203 205 207 215-216 218-219 223 226 252-253 "
        "258 260"
    ),
    "Brooklyn": (
        "11 14 17 21-22 25-26 29 33-37 39-40 49 52 54-55 61-63 65-67 71-72 76-77 80 85 89 91 97 106 108 111-112 123 "
        "133 149-150 154-155 165 177-178 181 188-190 195 210 217 222 225 227-228 255-257"
    ),
    "Bronx": (
        "3 18 20 31-32 46-47 51 58-60 69 78 81 94 119 126 136 147 159 167-169 174 182-185 199-200 208 212-213 220 235 "
        "240-242 247-248 250 254 259"
    ),
    "Staten Island": "5-6 23 44 84 99 109-110 115 118 156 172 176 187 204 206 214 221 245 251",
    "EWR": "1",
}


def _numbers(ranges: str) -> list[int]:
    bounds = [part.split("-") for part in ranges.split()]
    return [number for bound in bounds for number in range(int(bound[0]), int(bound[-1]) + 1)]


BOROUGHS: Mapping[int, str] = {number: name for name, ranges in _LOCATIONS.items() for number in _numbers(ranges)}
"""LocationID -> borough."""


def complete(row: Mapping[str, Any]) -> dict[str, Any]:
    """Adds what a TLC row says only indirectly: boroughs by LocationID, the taxi's color by the file's column names.

    `row` has lower-case names: the file's own columns, and the use case's fields for those that match one. Existing
    values are kept.
    """
    full = dict(row)
    if "color" not in full:
        if "tpep_pickup_datetime" in full:
            full["color"] = "yellow"
        elif "lpep_pickup_datetime" in full:
            full["color"] = "green"
    for field, column in (("pickup_borough", "pulocationid"), ("dropoff_borough", "dolocationid")):
        if field not in full and column in full:
            borough = _borough(full[column])
            if borough is not None:
                full[field] = borough
    return full


def _borough(location: object) -> str | None:
    text = str(location).strip().removesuffix(".0")  # a column with gaps is stored in files as floating point
    return BOROUGHS.get(int(text)) if text.isdecimal() else None
