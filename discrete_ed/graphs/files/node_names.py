"""The names of nodes in rows of text: which are one name in two spellings, and which are no names."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal

from discrete_ed.data.text_tables import MISSING_CELLS
from discrete_ed.graphs.files.delimiters import BRACKETS
from discrete_ed.graphs.files.python_lists import SEPARATE
from discrete_ed.graphs.files.rows import Row
from discrete_ed.graphs.files.simple import INFINITE, is_number
from discrete_ed.graphs.files.source import ZERO_WIDTH, GraphFile
from discrete_ed.graphs.files.titles import second_counts

UNNAMED = re.compile(rf"[{ZERO_WIDTH}]|[\s,;|]")
NUMBERS = re.compile(r"[+-]?\d[\w.+-]*([\s,;|]+[+-]?\d[\w.+-]*)+", re.ASCII)
"""several numbers, as two ends or a list of neighbours"""
WEIGHTED = re.compile(r"(?P<name>[^:=/()|]+)(\s*[:=/|]\s*[+-]?\d+(\.\d+)?|\(\s*[+-]?\d+(\.\d+)?\s*\))", re.ASCII)
"""a name with a number behind it"""
COMMENTED = re.compile(r"(?P<name>[^#%/]+?)\s*(#|%|//).*\w.*")
"""a name with a comment behind it"""
ARROWS = re.compile(r"<?--?>|<--?|<?=>|[→←↔]|\\\[\w*Edge\]|•-•|[\uf3d4\uf3d5]")
"""what stands between the ends of an edge, the last four in Mathematica"""
LABELLED = re.compile(r"(?P<word>[^\W\d]\w*) +(?P<name>\S+)")
"""a word and a name"""
PAIRED = re.compile(r"(?P<first>\w+)(?P<mark>[-–:/=~&+])(?P<second>\w+)")
"""two names and a mark between them"""
ROUNDED = re.compile(r"[+-]?\d[.,](?P<digits>\d{3,})[eE]\+?(?P<power>\d{1,3})$", re.ASCII)
"""a number with a power of ten, which holds all digits only if there are as many as the power"""


def check_names(names: Iterable[str], rows: Sequence[Row], source: GraphFile) -> None:
    """Refuse what is hardly a name: parts of a bracket, several numbers, brackets beside other names, or NA, inf and
    the like among numbers. Among words NA may be a name, and is noted.

    Args:
        names: all names, each once.
        rows: the rows in which they stand.
        source: the file.
    """
    names = list(names)
    absent = [name for name in names if name and name.lower() in MISSING_CELLS]
    infinite = [name for name in names if name.lower() in INFINITE]
    numbers = all(map(is_number, set(names) - {*absent, *infinite}))
    if absent or (infinite and numbers):
        line = next(row.line for row in rows if (absent or infinite)[0] in row.cells)
        if numbers:
            raise source.error("the names of two nodes", repr(source.lines[line - 1].strip()), line=line)
        source.notes.add(
            f"{absent[0]!r} is read as the name of a node, though it may mean that there is none", source.at(line)
        )
    odd = [name for name in names if not name.isalnum()]
    _refuse_weighted_names(odd, names, rows, source)
    _refuse_commented_names(odd, names, rows, source)
    _refuse_other_widths(names, rows, source)
    for name in odd:
        if not name or UNNAMED.search(name):
            _check_delimiters(name, rows, source)
        if ARROWS.search(name[1:-1]):
            _refuse_unless_quoted(name, "an edge; write an edge in each line", rows, source)
    if len(rows) == 1:
        _refuse_pairs(names, rows, source)
    _refuse_words_before_ends(odd, rows, source)
    if any(mark in name for name in odd for mark in "()[]{}<>"):
        _check_brackets(names, rows, source)


def _refuse_weighted_names(odd: list[str], names: list[str], rows: Sequence[Row], source: GraphFile) -> None:
    """Refuse names such as `b:2` or `b(2)` that begin no row, beside nodes such as `b`: they may give a weight."""
    weighted = {name: match["name"] for name in odd if (match := WEIGHTED.fullmatch(name))}
    if not weighted or not {*weighted.values()} & {*names} or {row.cells[0] for row in rows} & weighted.keys():
        return
    name, alone = next((name, alone) for name, alone in weighted.items() if alone in {*names})
    _refuse_unless_quoted(name, f"{alone!r} with a weight; leave weights out or give them a column", rows, source)


def _refuse_commented_names(odd: list[str], names: list[str], rows: Sequence[Row], source: GraphFile) -> None:
    """Refuse names such as `b#x` that begin no row, beside nodes such as `b` or where all others are numbers."""
    found = {name: match["name"] for name in odd if (match := COMMENTED.fullmatch(name))}
    others = {*names} - found.keys()
    numbers = bool(others) and all(map(is_number, (*others, *found.values())))
    if not found or not (numbers or {*found.values()} & others) or {row.cells[0] for row in rows} & found.keys():
        return
    name = next(name for name in found if numbers or found[name] in others)
    _refuse_unless_quoted(name, f"{found[name]!r} with a comment; put a blank before the comment", rows, source)


def _refuse_pairs(names: list[str], rows: Sequence[Row], source: GraphFile) -> None:
    """Refuse a single row of names such as `1-2, 2-3`, of which one begins as another ends, or of pairs of numbers."""
    found = [match for name in names if (match := PAIRED.fullmatch(name))]
    begin, end = ({match[part] for match in found} for part in ("first", "second"))
    joined = begin & end or all(map(str.isdecimal, begin | end))
    if len(found) == len(names) > 1 and len({match["mark"] for match in found}) == 1 and joined:
        _refuse_unless_quoted(names[0], "an edge; write an edge in each line", rows, source)


def _refuse_words_before_ends(odd: list[str], rows: Sequence[Row], source: GraphFile) -> None:
    """Refuse names such as `Edge 1` that begin all rows, if `1` and the like end some."""
    found = [LABELLED.fullmatch(row.cells[0]) for row in rows] if odd else []
    if len({match["word"] if match else "" for match in found}) != 1 or not all(found):
        return
    others = {cell for row in rows for cell in row.cells[1:]}
    name = next((match[0] for match in found if match and match["name"] in others), None)
    if name is not None:
        _refuse_unless_quoted(name, f"{name.split()[-1]!r} behind a word; leave the word out", rows, source)


def _refuse_unless_quoted(name: str, meaning: str, rows: Sequence[Row], source: GraphFile) -> None:
    """Refuse a name, with what it may mean and the way on, unless its first line has it in quotes."""
    row = next(row for row in rows if name in row.cells)
    text = source.lines[row.line - 1].strip()
    if f'"{name}"' not in text and f"'{name}'" not in text:
        raise source.error(
            "names of nodes",
            f"{text!r}, in which {name!r} may be {meaning}, or put quotes around the names",
            line=row.line,
        )


def _refuse_other_widths(names: list[str], rows: Sequence[Row], source: GraphFile) -> None:
    """Refuse names that differ only in the width of letters, or in blanks that don't break."""
    known = set(names)
    for name in names:
        folded = name if name.isascii() else "".join(map(_narrow, name))
        if folded != name and folded in known:
            line = next(row.line for row in rows if name in row.cells)
            raise source.error(
                "one spelling of every node", f"both {name!a} and {folded!a}; write it in one way", line=line
            )


def _narrow(letter: str) -> str:
    kind = unicodedata.decomposition(letter)
    return unicodedata.normalize("NFKC", letter) if kind.startswith(("<wide>", "<narrow>", "<noBreak>")) else letter


def _check_delimiters(name: str, rows: Sequence[Row], source: GraphFile) -> None:
    """Refuse a name that is empty, invisible in part, of several numbers, or beside a delimiter."""
    row = next(row for row in rows if name in row.cells)
    text = source.lines[row.line - 1].strip()
    if not name or any(mark in name for mark in ZERO_WIDTH):
        raise source.error("the names of two nodes", repr(text), line=row.line)
    if f'"{name}"' in text or f"'{name}'" in text or f"({name})" in text:
        return
    if NUMBERS.fullmatch(name) or name[0] in ",;|" or name[-1] in ",;|":
        raise source.error(
            "an edge 'u v' or a node with its neighbours",
            f"{text!r}, in which {name!r} would be one name; if it is, put quotes around it",
            line=row.line,
        )


def _check_brackets(names: list[str], rows: Sequence[Row], source: GraphFile) -> None:
    """Refuse names that are a part of a bracket, and lists or tuples beside other names."""
    torn = [row for row in rows if _balanced(" ".join(row.cells)) and not all(map(_balanced, row.cells))]
    if torn:
        text = source.lines[torn[0].line - 1].strip()
        raise source.error(
            "names whose brackets are closed", f"{text!r}; put quotes around the names", line=torn[0].line
        )
    listed = [name for name in names if name[:1] in BRACKETS and name[-1:] == BRACKETS[name[0]]]
    listed = [name for name in listed if "," in name or name[0] != "("]
    if listed and len(listed) < len(names):
        line = next(row.line for row in rows if listed[0] in row.cells)
        raise source.error("names of nodes, all in brackets or none", repr(listed[0]), line=line)


def _balanced(cell: str) -> bool:
    return all(cell.count(start) == cell.count(end) for start, end in {**BRACKETS, "<": ">"}.items())


def note_only_words(rows: Sequence[Row], source: GraphFile) -> None:
    """Note a single line whose names are no numbers, and a first line with one name above edges."""
    alone = len(rows[0].cells) == 1 and all(len(row.cells) > 1 for row in rows[1:])
    if alone and len(rows) > 1 and not is_number(rows[0].cells[0]):
        source.notes.add(
            "is read as a node without an edge; if it is a title, begin that line with #", source.at(rows[0].line)
        )
    odd = []
    for row in rows:
        if not (row.cells[0].isdecimal() and row.cells[1:2] and row.cells[1].isdecimal()):
            odd += [row] if not all(map(is_number, row.cells[:2])) else []
            if len(odd) > 1:
                return
    if len(odd) == 1 and len(rows) > 2 and len(odd[0].cells) > 1:
        source.notes.add("is read as an edge, though only its names are no numbers", source.at(odd[0].line))


def refuse_headings(rows: Sequence[Row], source: GraphFile) -> None:
    """Refuse words alone, and pairs of one word and numbers in succession, between edges of numbers."""
    odd = [k for k, row in enumerate(rows) if not all(map(is_number, row.cells[:2]))]
    if not odd or len(odd) == len(rows) or len({len(rows[k].cells) for k in odd}) > 1:
        return
    words, single = {rows[k].cells[0] for k in odd}, len(rows[odd[0]].cells) == 1
    numbers = [rows[k].cells[-1] for k in odd]
    if not single:
        apart = all(b - a > 1 for a, b in itertools.pairwise(odd))
        in_succession = all(map(str.isdecimal, numbers)) and len(numbers) > 1 and apart
        if len(words) > 1 or not in_succession or any(int(b) - int(a) != 1 for a, b in itertools.pairwise(numbers)):
            return
    raise source.error(
        f"the edges of one graph (of several graphs: {SEPARATE})",
        f"{source.lines[rows[odd[0]].line - 1].strip()!r} where all others are numbers; begin such lines with # if "
        "there is one graph",
        line=rows[odd[0]].line,
    )


def refuse_single_names_between(rows: Sequence[Row], source: GraphFile) -> None:
    """Refuse lines with one name between edges that have an end of that name: they may number several graphs."""
    single = [row for row in rows if len(row.cells) == 1]
    if not single or len(single) == len(rows) or len({row.cells[0] for row in rows}) == len(rows):
        return  # where every name begins one row, an adjacency list is read the same way
    first = next(k for k, row in enumerate(rows) if len(row.cells) > 1)
    last = max(k for k, row in enumerate(rows) if len(row.cells) > 1)
    ends = {cell for row in rows if len(row.cells) > 1 for cell in row.cells[:2]}
    between = next((row for row in rows[first:last] if len(row.cells) == 1 and row.cells[0] in ends), None)
    if between is not None:
        raise source.error(
            f"the edges of one graph (of several graphs: {SEPARATE})",
            f"{between.cells[0]!r} alone between edges",
            line=between.line,
        )


def refuse_counted_graphs(rows: Sequence[Row], source: GraphFile) -> None:
    """Refuse the edges of several graphs, each below its counts."""
    second = None if source.options.format == "edge-list" else second_counts(rows)
    if second is not None:
        text = source.lines[second.line - 1].strip()
        raise source.error(
            f"the edges of one graph (of several graphs: {SEPARATE})",
            f"{text!r}, which may count those of a second one; --format edge-list reads all as edges of one",
            line=second.line,
        )


def spellings(different: Sequence[str], source: GraphFile) -> dict[str, str]:
    """What names are replaced by: numbers such as 1.0 by 1.

    Args:
        different: all names, each once.
        source: the file.

    Raises:
        InputError: names are numbers that aren't whole, or numbers are spelled in several ways.
    """
    unlike = [
        name for name in different if not (name.isascii() and name.isdecimal() and (name[0] != "0" or name == "0"))
    ]
    if not unlike or not all(map(is_number, unlike)):
        return {}
    whole: dict[str, str] = {}
    known = set(different)
    for name in unlike:
        try:
            number = Decimal(name.replace(",", "."))
            is_whole = abs(number) < 10**18 and number == int(number)
        except ArithmeticError:  # the exponent is out of bounds
            is_whole = False
        rounded = ROUNDED.match(name)
        if rounded and int(rounded["power"]) > len(rounded["digits"]):
            line = next(k for k, text in enumerate(source.lines, 1) if name in text)
            raise source.error(
                "names with all their digits",
                f"{name}, which a spreadsheet has rounded; export them as text",
                line=line,
            )
        if not is_whole:
            line = next(k for k, text in enumerate(source.lines, 1) if name in text)
            raise source.error("names of nodes, or whole numbers", name, line=line)
        whole[name] = str(int(number))
        if whole[name] in known and name.lstrip("+").isdecimal():
            raise source.error("one spelling of every node", f"both {name} and {whole[name]}; write it in one way")
    if any(name != number for name, number in whole.items()):
        example = min(name for name, number in whole.items() if name != number)
        source.notes.add(
            f"names that are numbers are read by their value, such as {example} as {whole[example]}", source.at()
        )
    return whole
