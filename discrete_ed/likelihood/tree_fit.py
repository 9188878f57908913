"""Mixtures of trees fitted to data: expectation maximisation, with one tree for all components."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from discrete_ed.energies.trees import ROOT, TreeLaws
from discrete_ed.likelihood.base import Mixture, smoothed
from discrete_ed.names import ROWS_EACH

FITTED_ROWS = 20_000
"""largest number of rows to which components are fitted"""
LINKED_ROWS = 5000
"""largest number of rows whose dependences choose the tree"""
ITERATIONS = 40
"""iterations of expectation maximisation"""
LINKED = (0, 10)
"""iterations before which the tree is chosen anew"""
BROAD = 0.1
"""weight of the independent bits and of the uniform law together, so that no part of the space is left out"""
PRIOR = 1.0
"""rows with the mean probabilities of all components that are added to each of them"""
TINY = 1e-6
"""the least probability of a value of a bit"""


def fitted_trees(x: Tensor, generator: torch.Generator | None = None, components: int = 20) -> Mixture:
    """A mixture whose components share a tree, fitted to states `(N, D)`, with a share of broad components.

    Expectation maximisation, in which the tree is the one of the largest mutual information given the component (Chow
    and Liu 1968). One further component holds the frequencies of all rows, and one is uniform; with fewer than 50 rows
    for each of two components, the tree has one component besides.

    Source: Meilă and Jordan 2000, "Learning with mixtures of trees", Journal of Machine Learning Research 1.

    >>> rows = (torch.rand(400, 1, generator=torch.Generator().manual_seed(0)) < 0.5).float().expand(-1, 3)
    >>> mixture = fitted_trees(rows, torch.Generator().manual_seed(0), 1)
    >>> mixture.log_p(torch.ones(1, 3)).exp().item() > 0.4  # bits that are equal in all rows
    True
    """
    rows = x[torch.randperm(len(x), generator=generator, device=x.device)[:FITTED_ROWS]].float()
    size = len(rows)
    frequencies = smoothed(rows.sum(0), size)
    components = max(1, min(components, size // ROWS_EACH))
    shares = rows.new_full((components,), 1 / components)
    seeds = (frequencies + rows[:components]) / 2 if components > 1 else frequencies.unsqueeze(0)
    terms = shares.log() + rows @ seeds.logit().T - softplus(seeds.logit()).sum(1)
    parents: tuple[int, ...] = ()
    for iteration in range(ITERATIONS):
        belonging = terms.softmax(1)
        if iteration in LINKED:
            parents = _best_tree(rows[:LINKED_ROWS], belonging[:LINKED_ROWS])
        laws = _conditional_laws(rows, belonging, parents, frequencies)
        shares = (belonging.sum(0) + 1) / (size + components)
        terms = laws.terms(rows) + shares.log()
    broad = torch.stack([frequencies.logit(), torch.zeros_like(frequencies)])
    weights = torch.cat([BROAD * rows.new_tensor([0.75, 0.25]), (1 - BROAD) * shares])
    couplings = torch.cat([torch.zeros_like(broad), laws.couplings])
    logits = torch.cat([broad, laws.logits])
    return Mixture(weights.log().to(x.dtype), logits.to(x.dtype), None, parents, couplings.to(x.dtype))


def _conditional_laws(rows: Tensor, belonging: Tensor, parents: tuple[int, ...], frequencies: Tensor) -> TreeLaws:
    """The laws that are most likely, given the shares of the components `(N, K)` in every row."""
    root = torch.tensor([parent == ROOT for parent in parents], device=rows.device)
    above = torch.tensor([max(parent, 0) for parent in parents], device=rows.device)
    total = belonging.sum(0).unsqueeze(1)
    parent = rows[:, above].masked_fill(root, 0.0)
    high, ones, both = belonging.T @ parent, belonging.T @ rows, belonging.T @ (rows * parent)
    found = []
    for positive, count in ((ones - both, total - high), (both, high)):
        mean = (positive.sum(0) + 2 * frequencies) / (count.sum(0) + 2)
        found.append(((positive + PRIOR * mean) / (count + PRIOR)).clamp(TINY, 1 - TINY).logit())
    return TreeLaws(found[0], (found[1] - found[0]).masked_fill(root, 0.0), parents)


def _best_tree(rows: Tensor, belonging: Tensor) -> tuple[int, ...]:
    """The parents in the tree of the largest mutual information given the component."""
    from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

    information = rows.new_zeros(rows.shape[1], rows.shape[1])
    for share in belonging.T:
        total = share.sum()
        one = rows.T @ share / total
        both = (rows.T * share) @ rows / total
        for joint, first, second in (
            (both, one, one),
            (one.unsqueeze(1) - both, one, 1 - one),
            (one - both, 1 - one, one),
            (1 - one.unsqueeze(1) - one + both, 1 - one, 1 - one),
        ):
            ratio = joint.clamp(min=TINY) / (first.unsqueeze(1) * second).clamp(min=TINY)
            information += total * joint.clamp(min=0) * ratio.log()
    weights = (information.max() + 1 - information).double().cpu().numpy()  # positive, so that no edge is left out
    tree = minimum_spanning_tree(weights)
    centre = int(weights.sum(0).argmin())
    _, before = breadth_first_order(tree, centre, directed=False)
    return tuple(ROOT if bit < 0 else int(bit) for bit in before)
