"""Cells that look like dates or times, in words or in digits."""

from __future__ import annotations

import re

ENGLISH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
MONTH = (  # also as they are called in Dutch, French, German, Italian, Portuguese and Spanish
    rf"(?:{ENGLISH}|(?:jan(?:uar|uari|v|vier|eiro)|ene(?:ro)?|gen(?:naio)?|feb(?:ruar|ruari|rero|braio)"
    r"|f[eé]v(?:rier|r|ereiro)?|mars|marzo|mar[cç]o|m[aä]rz?|mrz|maart|mrt|aprile|avr(?:il)?|abr(?:il)?|mai|mayo|maio"
    r"|mei|mag(?:gio)?|jun[io]|junio|junho|juin|giu(?:gno)?|jul[io]|julio|julho|juil(?:let)?|lug(?:lio)?|augustus"
    r"|ao[uû]t|ago(?:sto)?|septembre|septiembre|set(?:tembre|embro)?|okt(?:ober)?|octobre|octubre|out(?:ubro)?"
    r"|ott(?:obre)?|novembre|noviembre|novembro|d[eé]c(?:embre)?|dez(?:ember|embro)?|dic(?:iembre|embre)?)\.?)"
)
DAY = r"\d{1,2}(?:st|nd|rd|th|er|[.])?"
DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?([T ]\d.*)?"  # 2024-01-31 08:30, 2024-01
    r"|\d{8}T\d{4,6}.*"
    r"|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})([T ]\d.*)?"
    rf"|([^\W\d]{{2,10}}[.,]* +)?{DAY}[- /]*(de +)?{MONTH}[-, /]*(de +)?(\d{{4}}|\d{{2}})( \d.*)?"  # Wed, 31 Jan 2024
    rf"|([^\W\d]{{2,10}}[.,]* +)?{MONTH} *{DAY},? +\d{{4}}( \d.*)?"  # January 31, 2024
    rf"|{MONTH}[-, /]*(de +)?\d{{4}}|{ENGLISH}[- ']+\d{{2}}"  # Jan 2024, Jan-24
    r"|\d{4}[- /]?([QW]|KW|T)\d{1,2}(-\d)?|[QT][1-4][- /]*\d{4}|\d{4}M\d{2}"  # quarters, weeks and months
    r"|\d{2,4}[年년] ?\d{1,2}[月월]( ?\d{1,2}[日일])?"
    r"|\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[ap]m)?",
    re.IGNORECASE,
)
FIRST_YEAR, LAST_YEAR = 1900, 2100


def is_date(word: str) -> bool:
    """Whether a word looks like a date, a month of a year, or a time.

    >>> [is_date(word) for word in ("31.1.2024", "Wed, 31 Jan 2024", "1er mai", "2024-Q1", "8:30 pm", "market 22")]
    [True, True, False, True, True, False]
    """
    return DATE.fullmatch(word.strip()) is not None


def is_date_in_digits(number: float) -> bool:
    """Whether a number is a day between 1900 and 2100 in eight digits.

    >>> is_date_in_digits(20240131), is_date_in_digits(20241301)
    (True, False)
    """
    year, rest = divmod(int(number), 10_000)
    month, day = divmod(rest, 100)
    return FIRST_YEAR <= year <= LAST_YEAR and 1 <= month <= 12 and 1 <= day <= 31
