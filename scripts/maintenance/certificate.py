"""How often the interval of log Z holds the truth: `python scripts/maintenance/certificate.py --models 20 --seconds 4`.

Six families of models of about 100 bits whose log Z is known: restricted Boltzmann machines with few live hidden
bits, planted mixtures, random trees, tori, networks that are sums of independent blocks, and such networks on mixtures
of trees, as the job `estimate` fits them. In each family most models
have several modes. The rows are exact samples; with `--astray` they are replaced by samples of one mode, which must be
refused or covered. Prints for every family how many intervals hold the truth, how many are refused, and their widths.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from math import log, sqrt

import networkx as nx
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from discrete_ed import (
    BernoulliMixtureEnergy,
    Energy,
    IsingEnergy,
    MLPEnergy,
    NetworkEnergy,
    RBMEnergy,
    estimate_log_z,
    torus_log_z,
    torus_sample,
)
from discrete_ed.energies.trees import ROOT, TreeLaws
from discrete_ed.likelihood.enumeration import enumerated_log_z, sample_law
from discrete_ed.likelihood.layers import rbm_log_z
from discrete_ed.likelihood.sparse import treewidth_log_z
from discrete_ed.states import enumerate_states

ROWS = 1000
"""rows of each model, as a table would have them"""

Model = tuple[Energy, float, Tensor]
"""an energy, its log Z, and samples of its law `(N, D)`"""


class PlantedMixture(Energy):
    """`E(x) = −log Σ_k π_k Π_i p_ki(x_i) + c`, so that `log Z = −c`."""

    def __init__(self, log_weights: Tensor, logits: Tensor, constant: float) -> None:
        super().__init__()
        self.log_weights, self.logits, self.constant = nn.Parameter(log_weights), nn.Parameter(logits), constant
        self.bits = logits.shape[1]

    def forward(self, x: Tensor) -> Tensor:
        terms = self.log_weights - softplus(self.logits).sum(1) + x @ self.logits.T
        return self.constant - terms.logsumexp(-1)


def machine(g: torch.Generator) -> Model:
    """A machine of 100 bits with 24 hidden bits, of which 6 to 12 live, with weak to strong weights."""
    live, scale = int(torch.randint(6, 13, (), generator=g)), 0.3 + 1.2 * torch.rand((), generator=g).item()
    small = RBMEnergy(100, live, scale=scale, generator=g)
    small.visible_bias.data = torch.randn(100, generator=g) - 1
    small.hidden_bias.data = -small.weight.data.sum(0) / 2
    big = RBMEnergy(100, 24, scale=0.0)
    big.visible_bias.data = small.visible_bias.data
    big.weight.data[:, :live], big.hidden_bias.data[:live] = small.weight.data, small.hidden_bias.data
    log_z = rbm_log_z(small) + (24 - live) * log(2)
    h = enumerate_states(live)
    inputs = small.visible_bias + h @ small.weight.T
    law = (h @ small.hidden_bias + softplus(inputs).sum(1)).softmax(0)
    chosen = inputs[law.multinomial(ROWS, replacement=True, generator=g)]
    return big, log_z, (torch.rand(ROWS, 100, generator=g) < chosen.sigmoid()).float()


def mixture(g: torch.Generator) -> Model:
    """2 to 20 components of 100 bits, sharp or blurred, with unequal weights."""
    count, sharp = int(torch.randint(2, 21, (), generator=g)), 1 + 2 * torch.rand((), generator=g).item()
    weights = torch.distributions.Dirichlet(torch.ones(count)).sample().clamp(min=1e-3).log().log_softmax(0)
    logits = sharp * torch.randn(count, 100, generator=g)
    constant = 10 * torch.randn((), generator=g).item()
    k = weights.exp().multinomial(ROWS, replacement=True, generator=g).sort().values
    x = (torch.rand(ROWS, 100, generator=g) < logits[k].sigmoid()).float()
    return PlantedMixture(weights, logits, constant), -constant, x


def tree(g: torch.Generator) -> Model:
    """A random tree of 100 spins with couplings of standard deviation 1 and fields of .3."""
    graph = nx.random_labeled_tree(100, seed=int(torch.randint(2**31, (), generator=g)))
    couplings = torch.zeros(100, 100)
    for u, v in graph.edges:
        couplings[u, v] = couplings[v, u] = torch.randn((), generator=g)
    fields = 0.3 * torch.randn(100, generator=g)
    x = torch.zeros(ROWS, 100)
    parent_field = {0: fields[0].expand(ROWS)}
    messages = _messages(graph, couplings, fields)
    for i in nx.dfs_preorder_nodes(graph, 0):
        x[:, i] = (torch.rand(ROWS, generator=g) < (2 * (parent_field[i] + messages[i])).sigmoid()).float()
        for j in graph.neighbors(i):
            if j not in parent_field:
                parent_field[j] = fields[j] + couplings[i, j] * (2 * x[:, i] - 1)
    energy = IsingEnergy(couplings, fields)
    log_z = treewidth_log_z(energy)
    assert log_z is not None
    return energy, log_z, x


def _messages(graph: nx.Graph, couplings: Tensor, fields: Tensor) -> Tensor:
    """For every spin of a tree with root 0 the field that the spins below it add."""
    below = torch.zeros(len(fields))
    above = {child: parent for parent, child in nx.dfs_edges(graph, 0)}
    for j in nx.dfs_postorder_nodes(graph, 0):
        if j in above:
            inside, coupling = fields[j] + below[j], couplings[j, above[j]]
            below[above[j]] += (coupling.tanh() * inside.tanh()).atanh()
    return below


def torus(g: torch.Generator) -> Model:
    """A torus of 8 × 12 spins: a ferromagnet below or above its critical point, or with couplings of either sign."""
    scale = 0.2 + 0.4 * torch.rand((), generator=g).item()
    graph = nx.grid_2d_graph(8, 12, periodic=True)
    for u, v in graph.edges:
        sign = torch.randn((), generator=g).item() if torch.rand((), generator=g) < 0.5 else 1.0
        graph.edges[u, v]["coupling"] = scale * sign
    energy = IsingEnergy.from_graph(graph)
    return energy, torus_log_z(energy, (8, 12)), torus_sample(energy, ROWS, (8, 12), generator=g).float()


def network(g: torch.Generator) -> Model:
    """A network over 96 bits that is a sum of 6 networks over 16 bits each, with few or many modes."""
    whole = MLPEnergy(96, (96, 96))
    blocks = _fill_with_blocks(whole, 1 + 2 * torch.rand((), generator=g).item(), g)
    x = torch.cat([sample_law(block, ROWS, g).float() for block in blocks], 1)
    return whole, sum(enumerated_log_z(block, 16) for block in blocks), x


def _fill_with_blocks(whole: MLPEnergy, scale: float, g: torch.Generator) -> list[MLPEnergy]:
    """Six random networks over 16 bits each, whose sum a network over 96 bits becomes."""
    linear = [layer for layer in whole.net if isinstance(layer, nn.Linear)]
    for parameter in whole.parameters():
        parameter.data.zero_()
    blocks = []
    for k in range(6):
        block = MLPEnergy(16, (16, 16))
        place = slice(16 * k, 16 * (k + 1))
        for own, layer in zip((part for part in block.net if isinstance(part, nn.Linear)), linear, strict=True):
            own.weight.data = scale * torch.randn(own.weight.shape, generator=g) / sqrt(own.weight.shape[1])
            own.bias.data = torch.randn(own.bias.shape, generator=g)
            if len(own.weight) == 1:
                own.weight.data *= 2
                layer.weight.data[:, place] = own.weight.data
                layer.bias.data += own.bias.data
            else:
                layer.weight.data[place, place], layer.bias.data[place] = own.weight.data, own.bias.data
        blocks.append(block)
    return blocks


def corrected(g: torch.Generator) -> Model:
    """What the job fits: a network over 96 bits on a mixture of 3 to 20 trees, one of them the uniform law.

    Trees and network are sums over 6 blocks of 16 bits, so `Z = Σ_k π_k Π_b Σ_{x_b} p_kb(x_b) exp(−f_b(x_b))`.
    """
    count, scale = int(torch.randint(3, 21, (), generator=g)), 0.8 + 0.7 * torch.rand((), generator=g).item()
    parents = [ROOT if i % 16 == 0 else i - 1 - int(torch.randint(i % 16, (), generator=g)) for i in range(96)]
    energy = NetworkEnergy(96, width=96, components=count, parents=parents)
    base, learned = energy.terms
    assert isinstance(base, BernoulliMixtureEnergy)
    assert isinstance(learned, MLPEnergy)
    base.log_weights.copy_(torch.randn(count, generator=g).log_softmax(0))
    base.logits.copy_(2 * torch.randn(count, 96, generator=g)).sub_(1)
    base.couplings.copy_(3 * torch.randn(count, 96, generator=g))
    base.couplings[:, ::16] = 0.0
    base.logits[0], base.couplings[0] = 0.0, 0.0
    states, log_z, laws = enumerate_states(16), base.log_weights.double(), []
    for k, block in enumerate(_fill_with_blocks(learned, scale, g)):
        place = slice(16 * k, 16 * (k + 1))
        inside = tuple(parent if parent == ROOT else parent - 16 * k for parent in parents[place])
        trees = TreeLaws(base.logits[:, place], base.couplings[:, place], inside)
        with torch.no_grad():
            laws.append((trees.terms(states) - block(states).unsqueeze(1)).double())
        log_z = log_z + laws[-1].logsumexp(0)
    of_row = log_z.softmax(0).multinomial(ROWS, replacement=True, generator=g).sort().values
    x = torch.empty(ROWS, 96)
    for k in of_row.unique():
        rows = of_row == k
        for b, law in enumerate(laws):
            chosen = law[:, k].softmax(0).multinomial(int(rows.sum()), replacement=True, generator=g)
            x[rows, 16 * b : 16 * (b + 1)] = states[chosen]
    return energy, log_z.logsumexp(0).item(), x


FAMILIES: dict[str, Callable[[torch.Generator], Model]] = {
    "machines": machine,
    "mixtures": mixture,
    "trees": tree,
    "tori": torus,
    "networks": network,
    "on trees": corrected,
}


def astray(x: Tensor) -> Tensor:
    """The rows that are nearest to the first one, as if the others had never been seen."""
    return x[(x - x[0]).abs().sum(1).argsort()[: len(x) // 10]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=20, help="models of each family")
    parser.add_argument("--seconds", type=float, default=4, help="budget of each estimate")
    parser.add_argument("--astray", action="store_true", help="rows from one mode only")
    parser.add_argument("--family", choices=list(FAMILIES), help="one family only")
    options = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    torch.set_num_threads(1)
    print("family      covered  refused  outside   median width   largest miss   seconds", flush=True)
    totals = [0, 0, 0]
    for name, make in FAMILIES.items():
        if options.family not in (None, name):
            continue
        counts, widths, misses, started = [0, 0, 0], [], [], time.process_time()
        for seed in range(options.models):
            g = torch.Generator().manual_seed(1000 * list(FAMILIES).index(name) + seed)
            torch.manual_seed(seed)
            energy, truth, x = make(g)
            rows = astray(x) if options.astray else x
            found = estimate_log_z(energy, rows, seconds=options.seconds, exact=False, generator=g)
            outside = max(found.low - truth, truth - found.high, 0.0)
            kind = 1 if found.refused and not outside else 2 if outside else 0
            counts[kind] += 1
            if not found.refused:
                widths.append(found.high - found.low)
            misses.append(outside)
            if outside:
                print(
                    f"  outside: {name} {seed}, truth {truth:.3f}, {found.low:.3f} to {found.high:.3f}: {found.verdict}"
                )
        totals = [a + b for a, b in zip(totals, counts, strict=True)]
        width = torch.tensor(widths).median().item() if widths else float("nan")
        print(
            f"{name:10s} {counts[0]:8d} {counts[1]:8d} {counts[2]:8d} {width:14.3f} {max(misses):14.3f} "
            f"{time.process_time() - started:9.0f}",
            flush=True,
        )
    print(f"{'all':10s} {totals[0]:8d} {totals[1]:8d} {totals[2]:8d}")


if __name__ == "__main__":
    main()
