"""Right answers to section 09 as students would write them: `<exercise>__<style>`."""

import torch


def residual__formula(x, branch, b):
    b = b.view(-1, *[1] * (x.ndim - 1))
    return (x + b * branch(x)).relu()


def residual__where(x, branch, b):
    out = x.clone()
    keep = b > 0
    if keep.any():
        out[keep] = out[keep] + branch(x[keep])
    return torch.relu(out)


def stochastic_depth__formula(x, branch, p, training, generator):
    if not training:
        return x + p * branch(x)
    b = (torch.rand(len(x), generator=generator) < p).float()
    return x + b.view(-1, *[1] * (x.ndim - 1)) * branch(x)


def stochastic_depth__bernoulli(x, branch, p, training, generator):
    f = branch(x)
    if training:
        b = torch.bernoulli(torch.full((x.shape[0],), p), generator=generator)
        return x + torch.einsum("n,n...->n...", b, f)
    return x + p * f


def survival_probabilities__formula(L, p_last):
    return 1 - torch.arange(1, L + 1) / L * (1 - p_last)


def survival_probabilities__loop(L, p_last):
    p = torch.zeros(L)
    for i in range(L):
        p[i] = 1 - (i + 1) / L * (1 - p_last)
    return p


def expected_depth__left_out(p):
    left_out = (1 - p).sum()
    return len(p) - left_out


def expected_depth__loop(p):
    total = 0
    for q in p:
        total = total + q
    return total
