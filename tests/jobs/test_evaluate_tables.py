"""What the score table and the notes under it say."""

from dataclasses import replace

import networkx as nx
import pytest

from discrete_ed.graphs import evaluate_graphs
from discrete_ed.graphs.protocols import PROTOCOLS
from discrete_ed.graphs.yardsticks import erdos_renyi_like
from discrete_ed.jobs import graph_tables as tables

REFERENCE = [nx.star_graph(2 + k % 5) for k in range(20)] + [nx.cycle_graph(3 + k % 4) for k in range(20)]
GENERATED = [*erdos_renyi_like(REFERENCE, 30), nx.empty_graph(3), nx.null_graph()]


@pytest.fixture(scope="module")
def results():
    return {name: evaluate_graphs(REFERENCE, GENERATED, REFERENCE[5:25], protocol=name) for name in PROTOCOLS}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_cells_are_the_results(results, protocol):
    result = results[protocol]
    header, *rows = tables.score_table(result)
    assert all(len(row) == len(header) for row in rows)
    cells = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    degree = result.statistics["degree"]
    assert cells["generated (32)"]["degree"] == f"{degree.mmd2:.4f}"
    assert cells["p-value, by permutation"]["degree"] == f"{degree.p_value:.3f}"
    assert cells["95% interval, by bootstrap"]["degree"] == "{:.4f} to {:.4f}".format(*degree.interval)
    assert ("unbiased (U-statistic)" in cells) == (protocol != "psd")
    if protocol != "psd":
        assert cells["ratio to the floor"]["degree"] == f"{degree.mmd2 / degree.floor:.2f}"


def test_there_is_no_ratio_to_a_floor_of_nothing(results):
    result = replace(results["edp"], mean=replace(results["psd"].mean, floor=-0.001))
    assert "ratio" not in tables.summary(results["psd"]).replace("no ratio", "")
    ratios = next(row for row in tables.score_table(result) if row[0] == "ratio to the floor")
    assert ratios[-2] == "–"


def test_defects_are_said_under_the_table_where_they_matter(results):
    text = {name: tables.summary(result) for name, result in results.items()}
    for protocol in ("edp", "gran"):
        clustering = results[protocol].statistics["clustering"]
        assert f"clustering {clustering.bias:.4f}" in text[protocol]
        assert f"clustering {clustering.floor_bias:.4f}" in text[protocol]
        assert "not positive definite" in text[protocol]
    assert "saturated" in text["gran"]
    assert "saturated" not in text["edp"]
    assert "not positive definite" not in text["psd"]
    assert "unbiased" in text["psd"]
    assert all("The interval shows" in said for said in text.values())


def test_cleaned_graphs_are_counted_under_the_table(results):
    assert "of the generated graphs" in tables.summary(results["edp"])
    assert "had no edge and became a single node" in tables.summary(results["edp"])
    assert "of the generated graphs 1 had no node and were left out" in tables.summary(results["gran"])
    assert "Cleaned" not in tables.summary(results["psd"])


def test_single_graphs_leave_dashes():
    text = tables.summary(evaluate_graphs(REFERENCE, GENERATED[:1]))
    assert "–" in text
    assert "The interval shows" not in text


def test_validity_stands_among_the_shares():
    result = evaluate_graphs(REFERENCE, GENERATED, valid="planar")
    assert "valid (planar): " in tables.summary(result)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("valid", "short", "asked"),
    [(None, "V.U.N.", "connected, unique and novel"), ("tree", "V.U.N.", "tree, unique and novel")],
)
def test_valid_unique_and_novel_at_once_is_told_where_there_are_training_graphs(valid, short, asked):
    result = evaluate_graphs(REFERENCE, GENERATED, REFERENCE[5:25], valid=valid)
    loose = evaluate_graphs([*REFERENCE, nx.empty_graph(2)], GENERATED, REFERENCE[5:25])
    alone = evaluate_graphs(REFERENCE, GENERATED, valid=valid)
    assert result.shares.vun < loose.shares.vun
    shares = result.shares
    share = f"{shares.vun:.1%} (of the reference graphs: {shares.vun_reference:.1%}"
    share += f", of the training graphs: {shares.vun_train:.1%})"
    assert f"{asked} ({short}): {share}" in tables.summary(result)
    assert f"unique and novel (U.N.): {loose.shares.vun:.1%}" in tables.summary(loose)
    for one, name in ((result, short), (loose, "U.N.")):
        header, row, _ = tables.comparison({"mine": one})
        assert row[header.index(name)] == f"{one.shares.vun:.1%}"
    assert f"{short} is the share of graphs that are {asked} at once." in tables.comparison_summary({"mine": result})
    for text in (tables.summary(alone), tables.comparison_summary({"mine": alone, "theirs": alone})):
        assert "U.N." not in text


def test_generators_stand_beside_each_other_with_the_floor(results):
    for result in results.values():
        both = {"mine": result, "theirs": replace(result, generated_graphs=7)}
        header, mine, theirs, floor = tables.comparison(both)
        assert len(header) == len(mine) == len(theirs) == len(floor)
        assert mine[0] == "mine (32)"
        assert theirs[0] == "theirs (7)"
        assert ("ratio" in header) == (result.protocol != "psd")
        assert floor[1] == f"{result.statistics['degree'].floor:.4f}"
        assert mine[1:] == theirs[1:]


def test_what_holds_for_all_generators_is_said_once(results):
    text = tables.comparison_summary({"mine": results["edp"], "theirs": replace(results["edp"], cleaned={})})
    assert text.count("not positive definite") == 1
    assert "mine: Cleaned" in text


@pytest.mark.parametrize(
    ("value", "shown"), [(6e-17, "0.0000"), (-6e-17, "0.0000"), (0.0, "0.0000"), (6e-8, "6e-08"), (-0.25, "-0.2500")]
)
def test_rounding_noise_is_zero(results, value, shown):
    statistics = results["edp"].statistics
    degree = replace(statistics["degree"], resampled=0.5, resampled_sd=value)
    result = replace(results["edp"], statistics={**statistics, "degree": degree})
    row = next(row for row in tables.score_table(result) if row[0].startswith("training graphs resampled"))
    assert row[1] == f"0.5000 ±{shown}"


def test_the_verdict_is_one_sentence_with_its_yardsticks(results):
    edp, psd = results["edp"], results["psd"]
    assert tables.verdict({"mine": edp}) == (
        f"Mean MMD² {edp.mean.mmd2:.4f}, where real training graphs score {edp.mean.floor:.4f} and random graphs "
        f"{edp.mean.erdos_renyi:.4f}; p = {edp.p_value:.2g} for all statistics; {edp.shares.novel:.0%} novel; "
        f"{edp.shares.vun:.0%} {tables._vun_names(edp)[1]} (reference graphs: {edp.shares.vun_reference:.0%})."
    )
    assert "where a perfect generator scores 0 on average, real training graphs score" in tables.verdict({"": psd})
    both = tables.verdict({"mine": edp, "theirs": replace(edp, p_value=0.5)})
    assert both.startswith(f"Mean MMD² mine {edp.mean.mmd2:.4f}, theirs {edp.mean.mmd2:.4f}, where")
    assert f"p = {edp.p_value:.2g}, 0.5 for all statistics" in both
    alone = tables.verdict({"": evaluate_graphs(REFERENCE, GENERATED)})
    assert "halves of the reference score" in alone
    assert "novel" not in alone
