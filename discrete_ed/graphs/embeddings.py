"""Features of graphs that are no statistics of a protocol: random graph networks, and graph wavelets."""

from __future__ import annotations

import math

import numpy as np
from scipy import sparse

from discrete_ed.graphs.statistics import Floats, GraphSet, degrees, eigensystems

WIDTH, LAYERS = 35, 2  # of the published random networks
FIRST_SEED = 42  # so that the first network has the weights of PolyGraph's
INITIALISATIONS = 10
NORM = 1 / math.sqrt(1 + 1e-5)  # what batch normalisation does before any training

FILTERS, WAVELET_BINS = 12, 100
LARGEST_EIGENVALUE, LOW_PASS = 2.0, 20  # the scaling function covers eigenvalues up to their ratio


def gin_features(graphs: GraphSet, initialisations: int = INITIALISATIONS) -> Floats:
    """Sums over the nodes of each graph of the layers of untrained graph isomorphism networks, `(G, 70 I)`.

    Each of the I networks takes twice the degree of each node and has two layers of width 35,

        h ← relu(W₂ relu(W₁ (A + 1) h + b₁) + b₂),

    with orthogonal weights, uniform biases, and batch normalisation that was never trained. Its 70 features are the
    sums of both layers over the nodes.

    Source: Thompson et al. 2022, On Evaluation Metrics for Graph Generative Models, ICLR.
    """
    place = sparse.csr_array((np.ones(len(graphs.owner)), (graphs.owner, np.arange(len(graphs.owner)))))
    place.resize((len(graphs), len(graphs.owner)))
    around = (graphs.adjacency + sparse.eye_array(len(graphs.owner))).tocsr()
    sums = []
    for seed in range(FIRST_SEED, FIRST_SEED + initialisations):
        h = 2.0 * degrees(graphs)[:, None]
        for (w1, b1), (w2, b2) in _gin_weights(seed):
            hidden = np.maximum((around @ h @ w1.T + b1) * NORM, 0)
            h = np.maximum((hidden @ w2.T + b2) * NORM, 0) * NORM
            sums.append(place @ h)
    return np.concatenate(sums, axis=1)


def _gin_weights(seed: int) -> list[list[tuple[Floats, Floats]]]:
    """Weights `(out, in)` and biases `(out,)` of both linear maps of each layer."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    layers = []
    for layer in range(LAYERS):
        maps = []
        for inputs in (WIDTH if layer else 1, WIDTH):
            weight = torch.nn.init.orthogonal_(torch.empty(WIDTH, inputs), generator=generator)
            bound = 1 / math.sqrt(inputs)
            bias = torch.empty(WIDTH).uniform_(-bound, bound, generator=generator)
            maps.append((weight.numpy().astype(float), bias.numpy().astype(float)))
        layers.append(maps)
    return layers


def wavelet_histograms(graphs: GraphSet) -> Floats:
    """For each of 12 wavelet filters a histogram over nodes of the energy of the filter at the node, `(G, 1200)`.

    With eigenvalues λ and eigenvectors v of the normalised Laplacian, the energy of filter g at node i is

        Σ_k v_ik² g(λ_k)²,

    the squared norm of row i of g(L). There are 100 bins from zero to the largest value of any filter. All 12
    histograms together sum to one.

    Source: Martinkus et al. 2022, SPECTRE, ICML; the filters are those of Hammond et al. 2011, Wavelets on graphs via
    spectral graph theory, Applied and Computational Harmonic Analysis 30.
    """
    top = float(wavelet_filters(np.arange(0, 2, 0.01)).max())
    edges = np.linspace(0, top, WAVELET_BINS + 1)
    rows = np.zeros((len(graphs), FILTERS * WAVELET_BINS))
    for graph, values, vectors in eigensystems(graphs):
        energy = vectors**2 @ wavelet_filters(values).T ** 2  # (n, filters)
        counts = [np.histogram(one, edges)[0] for one in energy.T]
        rows[graph] = np.concatenate(counts)
    return rows / np.maximum(rows.sum(axis=1), 1)[:, None]


def wavelet_filters(x: Floats) -> Floats:
    """The 12 filters at eigenvalues `(K,)` between 0 and 2, `(12, K)`: a scaling function and 11 scales of a wavelet.

    The wavelet g(x) is x² up to 1, a cubic spline −5 + 11x − 6x² + x³ up to 2, and 4/x² from there. Its scales are
    spaced evenly in their logarithm. The scaling function is `max g · exp(−(x / 0.06)⁴)`.
    """
    least = LARGEST_EIGENVALUE / LOW_PASS
    scales = np.exp(np.linspace(math.log(2 / least), math.log(1 / LARGEST_EIGENVALUE), FILTERS - 1))
    peak = 2 - 1 / math.sqrt(3)  # where the spline is largest
    low_pass = _wavelet(np.array([peak])) * np.exp(-((x / (0.6 * least)) ** 4))
    return np.concatenate([low_pass[None], _wavelet(scales[:, None] * x)])


def _wavelet(x: Floats) -> Floats:
    spline = -5 + x * (11 + x * (x - 6))
    return np.where(x <= 1, x**2, np.where(x < 2, spline, 4 / np.maximum(x, 1) ** 2))
