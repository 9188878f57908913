"""Files that are recognised and refused: pickles, which can run code, and formats that are not read."""

from __future__ import annotations

import re

from discrete_ed.errors import InputError
from discrete_ed.graphs.files.rows import Row
from discrete_ed.graphs.files.simple import is_number
from discrete_ed.graphs.files.source import GraphFile

WAY_ON = "; where you trust it, load it and write discrete_ed.write_graphs('graphs.g6', graphs)"
PICKLES = (".pkl", ".pickle", ".p", ".gpickle", ".joblib", ".pth")
PICKLE = re.compile(rb"\x80[\x02-\x05].|[c(]__builtin__|ccopy_reg|\(lp0|\(dp0", re.DOTALL)
FOREIGN = (
    (
        r"(\s|//[^\n]*\n|#[^\n]*\n|/\*.*?\*/)*(strict\s+)?(di)?graph\b[^\[\n]*\n?\s*\{",
        "Graphviz's DOT",
        f"convert it with networkx{WAY_ON}",
    ),
    (r"\s*dl\s+(n|nr|format)\s*=", "UCINET's DL", f"convert it{WAY_ON}"),
    (r"\s*nodedef\s*>", "GUESS's GDF", "export it from Gephi in another format"),
    (r"(c\b[^\n]*\n|\s)*p\s+[a-z]+\s+\d+\s+\d+\s*(\n|$)", "DIMACS", "keep the edges only, without their letter"),
    (r"\s*t\s+#\s*-?\d", "gSpan", f"convert it{WAY_ON}"),
    (r"\s*(graph|flowchart)\s+(TB|TD|BT|RL|LR)\s*[\n;]", "Mermaid", "keep the edges only, without the first line"),
    (r"\s*LEDA\.GRAPH\b", "LEDA's format", f"convert it{WAY_ON}"),
    (
        r"\s*(n|\$)\s*=\s*\d+[\s,]+(\$\s*=\s*\d+\s*)?g\b",
        "what nauty's dreadnaut reads",
        "write graph6 with nauty's dretog",
    ),
    (r"\s*[│├└╟╙╎┬╠]", "the drawing of a tree", "write an edge 'u v' in each line"),
    (r"\s*\([^()\n]*\)\s*<?-(\[|-)", "paths of Cypher", "write an edge 'u v' in each line"),
    (r"\s*<(!doctype\s+)?html\b", "a page of HTML", "download the file again"),
    (r"IGRAPH\s+(\S+\s+)?[UD][N-][W-][B-]\s", "what igraph prints", "write it with igraph's write_graphml"),
    (r"\s*<\?xml|\s*<!--|\s*<(graph|gxl|network)\b", "XML, but neither GraphML nor GEXF", f"convert it{WAY_ON}"),
    (r"\s*(404\W[^\n]*|not found\W*)\s*$", "a server's message", "download the file again"),
    (r"%PDF", "a PDF", "download the file again"),
)
"""how files begin that are not read, what they are, and what helps"""


def refuse_pickle(source: GraphFile) -> None:
    """Refuse a pickle, by its name or its content."""
    if source.ending in PICKLES or PICKLE.match(source.content):
        raise InputError(f"{source.path}: expected a graph file, got a pickle, which can run code{WAY_ON}")


def refuse_foreign(text: str, source: GraphFile) -> None:
    """Refuse a file whose beginning shows that it has a format that is not read."""
    for start, name, way in FOREIGN:
        if re.match(start, text, re.IGNORECASE | re.DOTALL):
            raise source.error("a graph file", f"{name}, which is not read; {way}")


def refuse_large_graph_layout(rows: list[Row], source: GraphFile) -> None:
    """Refuse lines `# u`, each followed by the neighbours of u, perhaps with weights."""
    starts = [line.split()[1:] for line in source.lines if line.startswith("# ")] if "# " in source.text else []
    first = next((line for line in source.lines if line.strip()), "")
    if (
        not first.startswith("# ")
        or any(len(words) != 1 for words in starts)
        or max(len(row.cells) for row in rows) > 2
    ):
        return
    heads, behind = {words[0] for words in starts}, {row.cells[0] for row in rows}
    if not heads - behind or not (heads & behind or all(len(row.cells) == 1 for row in rows)):
        return
    if all(len(row.cells) == 1 or is_number(row.cells[1]) for row in rows) and rows[0].line > 1:
        raise source.error("a graph file", "igraph's LGL, which is not read; write it with igraph's write_graphml")


def refuse_trivial_graph_format(rows: list[Row], source: GraphFile) -> None:
    """Refuse lines of nodes with labels, a line `#`, and lines of edges between these nodes."""
    marks = [k for k, line in enumerate(source.lines, 1) if line.strip() == "#"] if "#" in source.text else []
    if len(marks) != 1:
        return
    nodes = [row.cells for row in rows if row.line < marks[0]]
    edges = [row.cells for row in rows if row.line > marks[0]]
    heads = {cells[0] for cells in nodes}
    if len(heads) == len(nodes) and edges and all(len(cells) > 1 and {*cells[:2]} <= heads for cells in edges):
        raise source.error("a graph file", "the Trivial Graph Format, which is not read; keep the edges only")
