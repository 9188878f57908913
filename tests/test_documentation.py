"""Every page is right: its Python blocks run, its commands parse, its links and files exist, its figures are small."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
import shlex
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

import networkx as nx
import pytest
import torch
import tyro

from discrete_ed import IsingEnergy, torus_sample, write_graphs
from discrete_ed.jobs.cli import JOBS
from discrete_ed.jobs.parsing import OPTION_TYPES

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
FOLDERS = (".github", "datasets", "discrete_ed", "scripts", "tests")
PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))])
PLACEHOLDERS = {"N": "0"}  # what a reader puts in place of a letter, where any word would not do
INSTALLING = ("pip install ", "python3 -m venv ", ". .venv/bin/activate")
CHECKING = ("ruff check .", "ruff format --check .", "mypy")
LARGEST_README, LARGEST_FIGURE = 9_000, 60_000


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    text: str
    line: int
    """The line on which its text begins."""


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks_of(page: Path, language: str | None = None) -> list[Block]:
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", text_of(page), re.MULTILINE | re.DOTALL)
    blocks = [Block(match[1], match[2], text_of(page)[: match.start()].count("\n") + 2) for match in found]
    return [block for block in blocks if language in (None, block.language)]


def prose_of(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def code_in_prose(page: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", prose_of(page))


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def with_blocks(language: str) -> list[Path]:
    return [page for page in PAGES if blocks_of(page, language)]


def run_page(page: Path) -> dict[str, object]:
    """The names that a page's Python blocks leave behind, run one after the other.

    A block below `<!-- needs: LIBRARY -->` is only compiled where the library isn't installed.
    """
    torch.manual_seed(0)
    names: dict[str, object] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()):
        for block in blocks_of(page, "python"):
            before = text_of(page).splitlines()[block.line - 3]
            needed = re.fullmatch(r"<!-- needs: (\w+) -->", before)
            if needed and importlib.util.find_spec(needed[1]) is None:
                compile(block.text, name_of(page), "exec")
                continue
            program = "\n" * (block.line - 1) + block.text
            exec(compile(program, name_of(page), "exec"), names)
    return names


def slugs_of(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def job_of(script: Path) -> str:
    """The job of a script; one that hands some options on to another job names its own job last."""
    return re.findall(r'run_job\("([\w-]+)"', text_of(script))[-1]


def check_options(job: str, arguments: list[str]) -> None:
    """Parse the command line of a job by its own parser, without running it."""
    assert job in JOBS, f"no job is called {job}"
    if "--help" in arguments:
        return
    try:
        with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.redirect_stdout(said):
            tyro.cli(JOBS[job].config_type(), args=arguments, registry=OPTION_TYPES)
    except SystemExit:
        pytest.fail(f"{job} {shlex.join(arguments)}: {said.getvalue()}")


def check_script(script: str, arguments: list[str]) -> None:
    path = ROOT / script
    assert path.exists(), f"{script} is not there"
    if path.parent.name == "scripts":
        check_options(job_of(path), arguments)
        return
    for option in (argument for argument in arguments if argument.startswith("--")):
        assert f'"{option}"' in text_of(path), f"{script} has no option {option}"


def check_pytest(arguments: list[str], config: pytest.Config) -> None:
    known = {marker.partition(":")[0] for marker in config.getini("markers")}
    for before, argument in zip(["", *arguments], arguments, strict=False):
        if before == "-m":
            assert argument in known, f"no marker is called {argument}"
        elif before.startswith("--"):
            assert hasattr(config.option, before.lstrip("-")), f"pytest has no option {before}"
        elif not argument.startswith("-"):
            assert (ROOT / argument).exists(), f"{argument} is not there"


def check_command(command: str, config: pytest.Config) -> None:
    """Check one command of a shell block, as far as that goes without running it."""
    words = [PLACEHOLDERS.get(word, word) for word in shlex.split(command, comments=True)]
    while re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        del words[0]
    match words:
        case ["discrete-ed", "--help" | "--version"] | ["python", "-m", "discrete_ed"]:
            pass
        case ["discrete-ed", job, *arguments] | ["python", "-m", "discrete_ed", job, *arguments]:
            check_options(job, arguments)
        case ["python", "-m", "pytest", *arguments]:
            check_pytest(arguments, config)
        case ["python", script, *arguments]:
            check_script(script, arguments)
        case ["torchrun", *arguments]:
            from torch.distributed.run import get_args_parser

            parsed = get_args_parser().parse_args(arguments)
            check_script(parsed.training_script, parsed.training_script_args)
        case _:
            assert command.startswith(INSTALLING) or command in CHECKING, f"unknown command: {command}"


def commands_in(block: str) -> list[str]:
    lines = block.replace("\\\n", " ").splitlines()
    return [command.strip() for line in lines for command in line.split("&&") if line.strip()]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A temporary folder, in which the blocks of a page find the files that they name."""
    monkeypatch.chdir(tmp_path)
    for k, name in enumerate(("test", "mine", "theirs", "train")):
        write_graphs(Path(f"{name}.g6"), [nx.gnp_random_graph(6, 0.5, seed=10 * k + i) for i in range(8)])
    rows = torch.rand(40, 4, generator=torch.Generator().manual_seed(0)).round().int().tolist()
    for name in ("observations", "mine"):
        Path(f"{name}.csv").write_text("\n".join(["a,b,c,d", *(",".join(map(str, row)) for row in rows)]))
    return tmp_path


def test_every_folder_with_a_page_is_found():
    assert {name_of(page) for page in PAGES} >= {
        "README.md",
        ".github/CHANGELOG.md",
        ".github/CONTRIBUTING.md",
        "datasets/README.md",
        "discrete_ed/README.md",
        "scripts/README.md",
        "tests/README.md",
        *(f"discrete_ed/{room}/README.md" for room in ("density", "graphs", "ising", "jobs", "lattices", "samplers")),
    }


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_is_checked(page):
    assert text_of(page).count("\n```") % 2 == 0
    assert {block.language for block in blocks_of(page)} <= {"python", "sh"}


@pytest.mark.thorough
@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("page", [page for page in with_blocks("python") if page != README], ids=name_of)
def test_python_blocks_run(page):
    run_page(page)


@pytest.mark.parametrize("page", with_blocks("sh"), ids=name_of)
def test_commands_parse(page, pytestconfig):
    for block in blocks_of(page, "sh"):
        for command in commands_in(block.text):
            check_command(command, pytestconfig)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_in_the_text_parse(page, pytestconfig):
    for code in code_in_prose(page):
        if code.startswith(("python ", "discrete-ed ", "torchrun ")) and "JOB" not in code:
            for command in commands_in(code):
                check_command(command, pytestconfig)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_options_in_the_text_exist(page):
    options = {"--" + field.name.replace("_", "-") for job in JOBS.values() for field in fields(job.config_type())}
    elsewhere = "\n".join(map(text_of, [*(ROOT / "scripts").rglob("*.py"), ROOT / "tests" / "conftest.py"]))
    always = {"--help", "--version", "--extra-index-url"}
    for code in code_in_prose(page):
        if code.startswith(CHECKING):
            continue
        for option in re.findall(r"(?:^|\s)(--[a-z][a-z-]*)", code):
            known = options | always | {option.replace("--", "--no-") for option in options}
            assert option in known or f'"{option}"' in elsewhere, f"no option is called {option}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", prose_of(page)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} is not there"
        if anchor:
            assert anchor in slugs_of(target), f"{link} is no heading of {name_of(target)}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_in_the_text_exist(page):
    for code in code_in_prose(page):
        if re.fullmatch(rf"({'|'.join(map(re.escape, FOLDERS))})/[\w./-]+", code) and not code.endswith("/"):
            assert (ROOT / code).exists(), f"{code} is not there"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_rows_of_tables_have_a_cell_for_each_column(page):
    for table in re.findall(r"(?:^\|.*\|\n)+", prose_of(page), re.MULTILINE):
        rows = table.splitlines()
        assert re.fullmatch(r"\|(---\|)+", rows[1])
        for row in rows:
            assert row.count("|") == rows[1].count("|"), row


def test_every_figure_is_used_and_small():
    used = {
        (page.parent / link).resolve()
        for page in PAGES
        for link in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text_of(page))
    }
    figures = set((ROOT / ".github" / "images").iterdir())
    assert figures
    assert used == figures
    assert max(figure.stat().st_size for figure in figures) <= LARGEST_FIGURE


def test_the_readme_is_short():
    assert README.stat().st_size <= LARGEST_README


@pytest.mark.parametrize(("name", "end"), [("main", "python scripts/generate_ego_graphs.py"), ("tests", "pytest")])
def test_the_two_commands_stand_after_their_markers(name, end):
    (command,) = re.findall(rf"^<!-- command: {name} -->\n```sh\n(.*)\n```$", text_of(README), re.MULTILINE)
    assert command.startswith("python3 -m venv")
    assert "pip install" in command
    assert "torch==" in command
    assert command.endswith(end)


@pytest.mark.usefixtures("folder")
def test_the_library_example_runs_and_learns():
    names = run_page(README)
    x, filled, data = names["x"], names["filled"], names["data"]
    assert x.shape == (100, 16)
    assert abs(x.mean().item() - 0.2) < 0.05
    assert (filled[:, :8] == data[:100, :8]).all()
    assert abs(filled[:, 8:].mean().item() - 0.2) < 0.05
    assert names["scores"].exact


def test_the_line_on_couplings_gives_what_it_says():
    (line,) = re.findall(r"`(found = recover_couplings\(x\))`", text_of(README))
    ring = 0.8 * (torch.eye(6).roll(1, 0) + torch.eye(6).roll(-1, 0))
    names: dict[str, object] = {"x": torus_sample(IsingEnergy(ring), 500, (6, 1)).numpy()}
    exec(f"from discrete_ed import recover_couplings\n{line}", names)
    found = names["found"]
    assert found.couplings.shape == found.standard_errors.shape == (6, 6)
    assert found.fields.shape == (6,)
    assert set(map(tuple, found.edges[:6].tolist())) == {(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 5)}
    assert isinstance(found.energy, IsingEnergy)
