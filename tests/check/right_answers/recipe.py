"""Right answers to section 10 as students would write them: `<exercise>__<style>`."""

import torch


def batch_norm__formula(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    dims = [0, *range(2, x.ndim)]
    shape = (1, -1) + (1,) * (x.ndim - 2)
    if training:
        mean = x.mean(dims)
        var = x.var(dims, correction=0)
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(dims)
    else:
        mean = running_mean
        var = running_var
    y = (x - mean.view(shape)) / (var.view(shape) + eps).sqrt()
    return gamma.view(shape) * y + beta.view(shape), running_mean, running_var


def finetune_groups__identity(model, lr_backbone, lr_head):
    head = [id(p) for p in model.head.parameters()]
    old, new = [], []
    for p in model.parameters():
        if p.requires_grad:
            if id(p) in head:
                new.append(p)
            else:
                old.append(p)
    return [{"params": old, "lr": lr_backbone}, {"params": new, "lr": lr_head}]


def loss_surface__loops(model, loss, first, second, alphas, betas):
    start = [w.detach().clone() for w in model.parameters()]
    mode = model.training
    model.eval()
    rows = []
    with torch.no_grad():
        for a in alphas:
            row = []
            for b in betas:
                for w, s, d, e in zip(model.parameters(), start, first, second, strict=True):
                    if w.ndim > 1:
                        dims = list(range(1, w.ndim))
                        d_size, e_size, s_size = (t.pow(2).sum(dims, keepdim=True).sqrt() for t in (d, e, s))
                        w.copy_(s + (a * d / d_size + b * e / e_size) * s_size)
                row.append(loss(model))
            rows.append(torch.stack(row))
        for w, s in zip(model.parameters(), start, strict=True):
            w.copy_(s)
    model.train(mode)
    return torch.stack(rows)


def batch_norm__rows(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    last = x.movedim(1, -1)
    rows = last.flatten(0, -2)
    mean, var = running_mean, running_var
    if training:
        n = len(rows)
        mean = rows.mean(0)
        var = (rows - mean).square().mean(0)
        running_mean = running_mean + momentum * (mean - running_mean)
        running_var = running_var + momentum * (var * n / (n - 1) - running_var)
    y = (rows - mean) / torch.sqrt(var + eps) * gamma + beta
    return y.view(last.shape).movedim(-1, 1), running_mean, running_var


def finetune_groups__is(model, lr_backbone, lr_head):
    head = list(model.head.parameters())
    groups = [{"params": [], "lr": lr_backbone}, {"params": [], "lr": lr_head}]
    for p in model.parameters():
        if not p.requires_grad:
            continue
        new = any(p is q for q in head)
        groups[int(new)]["params"].append(p)
    return groups


def loss_surface__vectors(model, loss, first, second, alphas, betas):
    weights = list(model.parameters())

    def scaled(direction):
        parts = []
        for d, w in zip(direction, weights, strict=True):
            part = torch.zeros_like(d)
            if w.ndim > 1:
                length = torch.linalg.vector_norm(w.detach().flatten(1), dim=1)
                ratio = length / torch.linalg.vector_norm(d.flatten(1), dim=1)
                part = d.flatten(1) * ratio[:, None]
            parts.append(part.flatten())
        return torch.cat(parts)

    start = torch.cat([w.detach().flatten() for w in weights])
    u, v = scaled(first), scaled(second)
    mode = model.training
    model.eval()
    surface = torch.zeros(len(alphas), len(betas))
    with torch.no_grad():
        for i, a in enumerate(alphas):
            for j, b in enumerate(betas):
                torch.nn.utils.vector_to_parameters(start + a * u + b * v, weights)
                surface[i, j] = loss(model)
        torch.nn.utils.vector_to_parameters(start, weights)
    model.train(mode)
    return surface
