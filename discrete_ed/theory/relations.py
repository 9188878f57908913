"""Energy discrepancy and related losses, summed over all states of a small space, to check the theory.

Everything is a function of the energies `E` of all `K` states, `(K,)`; the data's law `p`, `(K,)`; and the perturbation
`q(y|x)`, a matrix `(K, Y)` with a row for each state and a column for each `y`, as `Perturbation.matrix` gives it. With
`Qp(y) = Σ_x q(y|x) p(x)` and the model `p_E ∝ exp(−E)`, the tests hold for every perturbation that

    ED(p, E) − min_E' ED(p, E') = KL(p ‖ p_E) − KL(Qp ‖ Qp_E)          (KL contraction)
    ED(p, E) = −E_p E_q log p_E(x|y) − H(y|x)                          (recovery likelihood)
    ED(p, E) = E_p E − E_Qp E      if q is reversible for the model  (contrastive divergence)
    ED(p, E) / ε → E_p Σ_i e^{−Δ_i} − Δ_i − 1      as ε → 0            (`small_noise_limit`)
    ED(p, E) → −E_p log p_E − D log 2              as ε → ½            (maximum likelihood)

with ε the noise of `Bernoulli` on `D` bits. Energies must be finite, and every `y` must be reached from some state.

Source: Schröder et al. 2023, arXiv 2307.07595; KL contraction: Lyu 2011, "Unifying non-maximum likelihood learning
objectives with minimum KL contraction"; recovery likelihood: Bengio et al. 2013, arXiv 1305.6663, and Gao et al. 2021,
arXiv 2012.08125. The limit for small noise is derived here.
"""

from __future__ import annotations

import torch
from torch import Tensor


def contrastive_potential(energies: Tensor, perturbation: Tensor) -> Tensor:
    """`U_q(y) = −log Σ_x q(y|x) exp(−E(x))`, `(Y,)`.

    >>> contrastive_potential(torch.tensor([1.0, 2.0]), torch.eye(2)).tolist()  # nothing forgotten: the energy itself
    [1.0, 2.0]
    """
    return -(perturbation.log() - energies.unsqueeze(-1)).logsumexp(0)


def energy_discrepancy(energies: Tensor, law: Tensor, perturbation: Tensor) -> Tensor:
    """`ED = Σ_x p(x) E(x) − Σ_x p(x) Σ_y q(y|x) U_q(y)`, a scalar.

    >>> half = torch.full((2, 2), 0.5)  # q forgets everything, so the loss is −log p − log 2
    >>> energy_discrepancy(torch.tensor([0.0, 0.0]), torch.tensor([0.5, 0.5]), half).abs().item()
    0.0
    """
    return law @ energies - (law @ perturbation) @ contrastive_potential(energies, perturbation)


def kl_contraction(energies: Tensor, law: Tensor, perturbation: Tensor) -> Tensor:
    """`KL(p ‖ p_E) − KL(Qp ‖ Qp_E)`, the part of the divergence that the perturbation removes; at least 0, a scalar.

    >>> identity = torch.eye(2)  # forgets nothing
    >>> kl_contraction(torch.tensor([0.0, 1.0]), torch.tensor([0.5, 0.5]), identity).item()
    0.0
    """
    model = (-energies).softmax(0)
    return _divergence(law, model) - _divergence(law @ perturbation, model @ perturbation)


def recovery_likelihood(energies: Tensor, law: Tensor, perturbation: Tensor) -> Tensor:
    """`E_p E_q log p_E(x|y)` with `p_E(x|y) ∝ exp(−E(x)) q(y|x)`, a scalar.

    >>> half = torch.full((2, 2), 0.5)
    >>> round(recovery_likelihood(torch.zeros(2), torch.tensor([0.3, 0.7]), half).item(), 4)  # −log 2
    -0.6931
    """
    posterior = (perturbation.log() - energies.unsqueeze(-1)).log_softmax(0)
    joint = law.unsqueeze(-1) * perturbation
    return torch.where(joint > 0, joint * posterior, 0.0).sum()


def noise_entropy(law: Tensor, perturbation: Tensor) -> Tensor:
    """`H(y|x) = −E_p E_q log q(y|x)`, the entropy term between the discrepancy and the recovery likelihood, a scalar.

    >>> round(noise_entropy(torch.tensor([0.3, 0.7]), torch.full((2, 2), 0.5)).item(), 4)  # log 2
    0.6931
    """
    return -(law @ torch.xlogy(perturbation, perturbation).sum(1))


def contrastive_divergence(energies: Tensor, law: Tensor, perturbation: Tensor) -> Tensor:
    """`Σ_x p(x) E(x) − Σ_y Qp(y) E(y)`: contrastive divergence after one step of `q`, a Markov kernel; a scalar.

    Energy discrepancy has this value if `q` is reversible for the model, since then `U_q = E`.

    >>> contrastive_divergence(torch.tensor([0.0, 1.0]), torch.tensor([0.5, 0.5]), torch.eye(2)).item()
    0.0
    """
    return law @ energies - (law @ perturbation) @ energies


def log_likelihood(energies: Tensor, law: Tensor) -> Tensor:
    """`E_p log p_E = −E_p E − log Z`, a scalar.

    >>> round(log_likelihood(torch.zeros(4), torch.full((4,), 0.25)).item(), 4)  # −2 log 2
    -1.3863
    """
    return law @ (-energies).log_softmax(0)


def small_noise_limit(energies: Tensor, law: Tensor, states: Tensor) -> Tensor:
    """`lim ED / ε` for Bernoulli noise ε → 0: `E_p Σ_i e^{−Δ_i} − Δ_i − 1`, `Δ_i = E(x with bit i flipped) − E(x)`.

    To first order in ε at most one bit has flipped. It is pseudo-likelihood with another scale at each site: the
    slope in `Δ_i` is that of `softplus(−Δ_i)`, the term of pseudo-likelihood, times `2 + 2 cosh Δ_i`, the inverse
    variance of bit `i` given the others. So both have the same minimiser, and for small `Δ_i` the limit is four times
    pseudo-likelihood, up to a constant.

    Args:
        states: all `2^D` states in the order of `enumerate_states`, `(2^D, D)`.

    >>> from discrete_ed import enumerate_states
    >>> small_noise_limit(torch.zeros(8), torch.full((8,), 0.125), enumerate_states(3)).item()
    0.0
    """
    bits = states.shape[1]
    number = torch.arange(len(states), device=energies.device)
    neighbours = number.unsqueeze(1) ^ 2 ** torch.arange(bits - 1, -1, -1, device=energies.device)
    delta = energies[neighbours] - energies.unsqueeze(1)
    return law @ ((-delta).exp() - delta - 1).sum(1)


def _divergence(p: Tensor, q: Tensor) -> Tensor:
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum()
