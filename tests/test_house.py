"""The house keeps its order: imports run one way, files stay short, and `import discrete_ed` stays light."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import GenericAlias
from typing import get_args

import forked
import pytest

import discrete_ed
from discrete_ed import names

PACKAGE = Path(discrete_ed.__file__).parent
ROOT = PACKAGE.parent
ARCHITECTURE = (PACKAGE / "README.md").read_text(encoding="utf-8")
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.name != "__init__.py")
LONGEST = 330
"""Lines of a file of the package or of a script."""


def parsed_floors(page: str) -> list[list[str]]:
    """The rooms between the page's markers, a floor on each line, from bottom to top: the backticked names it begins
    with, as in "- `errors`, `names`: what they are"."""
    lines = page.partition("<!-- rooms -->")[2].partition("<!-- /rooms -->")[0].splitlines()
    starts = [re.match(r"[\s|*\-\d.]*(`\w+`(?:,? (?:and )?`\w+`)*)", line) for line in lines]
    return [re.findall(r"`(\w+)`", start[1]) for start in starts if start]


FLOORS = parsed_floors(ARCHITECTURE)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def name_of(path: Path) -> str:
    """The module of a file: `discrete_ed.training.fit`, and a room's front file is the room."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path) for path in MODULES}


def room_of(module: str) -> str:
    return module.split(".")[1]


def imports(tree: ast.AST, *, at_start: bool = False) -> Iterator[str]:
    """The modules that a file imports; `at_start` leaves out what is imported in functions or for types only."""
    for node in ast.iter_child_nodes(tree):
        if at_start and (
            isinstance(node, ast.FunctionDef) or (isinstance(node, ast.If) and "TYPE" in ast.dump(node.test))
        ):
            continue
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            for alias in node.names:  # of a package either a module or something in its front file
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in NAMES else node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            yield from imports(node, at_start=at_start)


@cache  # when the first test needs it: every worker imports this file, and one parses
def trees() -> Mapping[str, ast.Module]:
    """Every file of the package, parsed."""
    return {name_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}


def test_the_architecture_page_lists_every_room_once():
    rooms = {path.stem for path in PACKAGE.iterdir() if path.is_dir() or path.suffix == ".py"}
    listed = [room for rooms in FLOORS for room in rooms]
    assert sorted(listed) == sorted(rooms - {"__init__", "__pycache__"})


def test_imports_run_one_way():
    for module, tree in trees().items():
        here = room_of(module)
        for name in imports(tree):
            if name.startswith("discrete_ed."):
                there = room_of(name)
                assert there == here or FLOOR[there] < FLOOR[here], f"{module}: {here} must not import {there}"


def test_an_arrow_up_would_be_seen():
    page = "<!-- rooms -->\n- `low`, `next`: `words`\n| `high` | `x` |\n<!-- /rooms -->\n- `no`"
    assert parsed_floors(page) == [["low", "next"], ["high"]]
    assert "discrete_ed.jobs.run_folder" in NAMES
    tree = ast.parse("from discrete_ed import jobs\ndef f():\n    from discrete_ed.jobs.cli import main")
    assert list(imports(tree)) == ["discrete_ed.jobs", "discrete_ed.jobs.cli"]
    assert list(imports(tree, at_start=True)) == ["discrete_ed.jobs"]


def circle(graph: dict[str, set[str]]) -> list[str]:
    """The nodes of a graph that are left when those without an arrow to another are taken away again and again."""
    left = {node: arrows & graph.keys() for node, arrows in graph.items()}
    while ends := [node for node, arrows in left.items() if not arrows & left.keys()]:
        for node in ends:
            del left[node]
    return sorted(left)


def test_no_files_import_each_other_in_a_circle():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["a", "b", "c"]
    assert circle({"a": {"b"}, "b": set()}) == []
    assert circle({name: set(imports(tree, at_start=True)) for name, tree in trees().items()}) == []


def test_no_file_is_long():
    paths = [*MODULES, *(ROOT / "scripts").rglob("*.py")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}


def test_no_two_public_classes_have_one_name():
    places = defaultdict(list)
    for name, tree in trees().items():
        for node in ast.iter_child_nodes(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(name)
    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}


WHOLE = {
    "do": "a verb that says what is done",
    "on": "the name of the object or the condition",
    "given": "positional, options",
    "told": "options, settings",
    "silent": "quiet, without_effect",
    "mute": "without_effect",
    "heard": "in_effect",
    "unheard": "without_effect",
    "one": "the name of the thing",
    "two": "the name of the thing",
    "what": "label, description",
    "how": "method",
    "here": "the name of the place",
    "there": "the name of the place",
    "now": "current",
    "made": "steps_done, generated",
    "goodness": "goodness_of_fit",
    "found": "what was found, such as recovery or result",
    "work": "size, steps",
}
"""What no function, class, parameter or constant is called, and names to use instead."""
PARTS = {
    "draw": "sample, plot, permute or resample",
    "drawn": "sampled, plotted, permuted or resampled",
    "draws": "samples",
    "watch": "callback",
    "normaliser": "log_z, LogPartition",
}
"""Words that are no part of such a name either."""
ALLOWED = {
    ("discrete_ed.metrics.diagnostics", "draws"),
    ("discrete_ed.data.text_tables", "ONE"),
    ("discrete_ed.samplers.loops", "_ONE"),
}
"""Names that are right where they are: the field calls samples of chains draws, and the others are the number 1."""


def named(tree: ast.Module) -> Iterator[str]:
    """The functions, classes, parameters and constants of a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        for target in targets:
            yield from (name.id for name in ast.walk(target) if isinstance(name, ast.Name))


def breaches(tree: ast.Module) -> dict[str, str]:
    """The names of a file that break the naming law, with what to use instead."""
    words = {name: re.findall("[a-z]+", re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower()) for name in named(tree)}
    whole = {name: WHOLE[parts[0]] for name, parts in words.items() if len(parts) == 1 and parts[0] in WHOLE}
    return whole | {name: PARTS[part] for name, parts in words.items() for part in parts if part in PARTS}


def test_a_bad_name_would_be_seen():
    tree = ast.parse("TOLD, A = 1, 2\nclass Work: pass\ndef _drawn_states(here, x=lambda how: 1): there = 1")
    assert set(breaches(tree)) == {"TOLD", "Work", "_drawn_states", "here", "how"}
    assert breaches(ast.parse("def founder(workload, withdraw, how_many): pass\ntwofold = 1")) == {}


def test_names_keep_the_law():
    bad = {
        (module, name): instead
        for module, tree in trees().items()
        for name, instead in breaches(tree).items()
        if (module, name) not in ALLOWED
    }
    assert bad == {}, "expected other names; the values say which"


def test_no_list_of_names_is_written_twice():
    """A registry, which maps each name to what it names, is no list of names; other tests compare the two."""
    lists = {name: frozenset(get_args(value)) for name, value in vars(names).items() if name.endswith("Name")}
    assert all(len(listed) >= 2 for listed in lists.values())
    written = {
        frozenset(item.value for item in node.elts if isinstance(item, ast.Constant)): f"{module}, line {node.lineno}"
        for module, tree in trees().items()
        if module != "discrete_ed.names"
        for node in ast.walk(tree)
        if isinstance(node, ast.Tuple | ast.List | ast.Set)
    }
    assert {name: written[listed] for name, listed in lists.items() if listed in written} == {}


def test_no_file_names_a_place_on_one_machine():
    private = re.compile(r"(?<![\w./])/(?:root|work|home/\w+|tmp/\w{1,3}|Users)/")
    assert private.search('open("/home' + '/me/x")')
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    paths = [ROOT / name for name in files.split("\0") if name.endswith((".py", ".md", ".toml", ".pyi", ".jinja"))]
    paths = paths or [*PACKAGE.rglob("*.py"), *(ROOT / "scripts").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    for path in paths:
        if path.exists() and path != Path(__file__):
            found = private.search(path.read_text(encoding="utf-8"))
            assert found is None, f"{path.relative_to(ROOT)}: {found}"


def test_tests_and_scripts_import_nothing_of_each_other():
    modules = {kind: {path.stem for path in (ROOT / kind).rglob("*.py")} for kind in ("tests", "scripts")}
    loader = "_from_file_" + "location"
    for here, there in (("tests", "scripts"), ("scripts", "tests")):
        for path in (ROOT / here).rglob("*.py"):
            for name in imports(ast.parse(path.read_text(encoding="utf-8"))):
                first = name.split(".")[0]
                assert first != there, f"{path.relative_to(ROOT)} imports {name}"
                assert first in modules[here] or first not in modules[there], f"{path.relative_to(ROOT)} imports {name}"
            assert loader not in path.read_text(encoding="utf-8"), f"{path} imports a file"


@pytest.mark.parametrize("room", sorted(FLOOR.keys() - {"errors", "names", "__main__"}))
def test_every_room_has_fast_tests(request, room):
    conftest = request.config.pluginmanager.get_plugin(str(ROOT / "tests" / "conftest.py"))
    listed = [entry for entry in conftest.FAST if entry.startswith((f"{room}/", f"test_{room}."))]
    assert listed, f"tests/conftest.py: expected a file of {room} in FAST"
    for entry in listed:
        assert (ROOT / "tests" / entry).exists(), f"tests/conftest.py: {entry} in FAST isn't there"


def test_every_public_name_is_there():
    assert {"GraphEnergy", "KERNELS", "Record"} <= set(discrete_ed.__all__)
    for name in discrete_ed.__all__:
        public = getattr(discrete_ed, name)
        if inspect.isfunction(public) or (inspect.isclass(public) and not issubclass(public, Exception)):
            assert ">>>" in (public.__doc__ or ""), f"{name} has no docstring with an example"
        else:  # an exception, a registry or the alias of a type
            assert inspect.isclass(public) or isinstance(public, Mapping | GenericAlias), name


def test_the_registries_of_the_front_file_are_those_of_the_rooms():
    for name, room in (("KERNELS", "samplers"), ("STATISTICS", "graphs"), ("PERTURBATIONS", "perturbations")):
        registry = getattr(discrete_ed, name)
        assert len(registry) >= 3
        assert registry is getattr(getattr(discrete_ed, room), name)


def test_the_package_knows_its_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+", discrete_ed.__version__)
    assert f'version = "{discrete_ed.__version__}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    with pytest.raises(AttributeError, match="nonsense"):
        discrete_ed.nonsense  # noqa: B018


HEAVY = ("torch", "matplotlib", "torch_geometric", "scipy", "networkx")


@pytest.mark.parametrize("arguments", [["--help"], ["recover", "--help"], ["--version"]])
def test_the_command_line_helps_without_importing_what_a_job_needs(arguments):
    code = f"""if True:
        import sys
        sys.argv[1:] = {arguments}
        from discrete_ed.jobs.cli import main
        try:
            main()
        except SystemExit as done:
            assert not done.code
        print([name for name in {HEAVY} if name in sys.modules])"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.thorough
def test_a_job_loads_matplotlib_only_when_it_plots(tmp_path):
    def program() -> None:
        forked.forget("discrete_ed", "matplotlib")
        jobs = importlib.import_module("discrete_ed.jobs.cli").JOBS
        for job in jobs.values():
            importlib.import_module(f"discrete_ed.jobs.{job.folder}.run")
            assert "matplotlib" not in sys.modules, job.folder
        assert len(jobs) >= 8

    assert forked.run(program, tmp_path) == (0, "", "")


def test_the_library_shows_no_progress_bar_and_no_figure_by_itself():
    for module, tree in trees().items():
        if room_of(module) != "jobs":
            assert not {"tqdm", "matplotlib"} & {name.split(".")[0] for name in imports(tree)}, module
