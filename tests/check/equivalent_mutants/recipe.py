"""Mutants of right answers to section 10 that are right answers too, by the reason why."""

EQUIVALENT: dict[str, dict[str, tuple[str, ...]]] = {
    "lists of the same length are paired the same, strict or not": {
        "loss_surface__loops": (
            "for w, s in zip(model.parameters(), start, strict=True): ⇒ for w, s in zip(model.parameters(), start):",
            "for w, s, d, e in zip(model.parameters(), start, first, second, strict=True): ⇒ for w, s"
            ", d, e in zip(model.parameters(), start, first, second):",
            "for w, s in zip(model.parameters(), start, strict=True): ⇒ for w, s in zip(model.paramet"
            "ers(), start, strict=False):",
            "for w, s, d, e in zip(model.parameters(), start, first, second, strict=True): ⇒ for w, s"
            ", d, e in zip(model.parameters(), start, first, second, strict=False):",
        ),
        "loss_surface__vectors": (
            "for d, w in zip(direction, weights, strict=True): ⇒ for d, w in zip(direction, weights):",
            "for d, w in zip(direction, weights, strict=True): ⇒ for d, w in zip(direction, weights, strict=False):",
        ),
    },
    "the tensor is changed in place; what the expression returns is not used": {
        "loss_surface__loops": (
            "w.copy_(s) ⇒ -w.copy_(s)",
            "w.copy_(s + (a * d / d_size + b * e / e_size) * s_size) ⇒ -w.copy_(s + (a * d / d_size +"
            " b * e / e_size) * s_size)",
        ),
    },
    "the history of gradients changes no number, and vector_to_parameters needs no no_grad": {
        "loss_surface__loops": (
            "start = [w.detach().clone() for w in model.parameters()] ⇒ start = [w.clone() for w in m"
            "odel.parameters()]",
        ),
        "loss_surface__vectors": (
            "with torch.no_grad():; for i, a in enumerate(alphas):; for j, b in enumerate(betas):; to"
            "rch.nn.utils.vector_to_parameters(start + a * u + b * v, weights); surface[i, j] = loss("
            "model); torch.nn.utils.vector_to_parameters(start, weights) ⇒ for i, a in enumerate(alph"
            "as):; for j, b in enumerate(betas):; torch.nn.utils.vector_to_parameters(start + a * u +"
            " b * v, weights); surface[i, j] = loss(model); torch.nn.utils.vector_to_parameters(start"
            ", weights)",
            "start = torch.cat([w.detach().flatten() for w in weights]) ⇒ start = torch.cat([w.flatte"
            "n() for w in weights])",
            "length = torch.linalg.vector_norm(w.detach().flatten(1), dim=1) ⇒ length = torch.linalg."
            "vector_norm(w.flatten(1), dim=1)",
        ),
    },
    "lengths and squares do not see a sign; a factor, or a sign, common to numerator and denominator cancels": {
        "loss_surface__loops": (
            "d_size, e_size, s_size = (t.pow(2).sum(dims, keepdim=True).sqrt() for t in (d, e, s)) ⇒ "
            "d_size, e_size, s_size = (-t.pow(2).sum(dims, keepdim=True).sqrt() for t in (d, e, s))",
            "d_size, e_size, s_size = (t.pow(2).sum(dims, keepdim=True).sqrt() for t in (d, e, s)) ⇒ "
            "d_size, e_size, s_size = (t.pow(2).mean(dims, keepdim=True).sqrt() for t in (d, e, s))",
        ),
        "batch_norm__rows": ("var = (rows - mean).square().mean(0) ⇒ var = (mean - rows).square().mean(0)",),
        "loss_surface__vectors": (
            "length = torch.linalg.vector_norm(w.detach().flatten(1), dim=1) ⇒ length = torch.linalg."
            "vector_norm(-w.detach().flatten(1), dim=1)",
            "ratio = length / torch.linalg.vector_norm(d.flatten(1), dim=1) ⇒ ratio = length / torch."
            "linalg.vector_norm(-d.flatten(1), dim=1)",
            "length = torch.linalg.vector_norm(w.detach().flatten(1), dim=1) ⇒ length = torch.linalg."
            "vector_norm((-w.detach()).flatten(1), dim=1)",
        ),
    },
    "True, 1 and −1 index the same one of two groups": {
        "finetune_groups__is": (
            "new = any((p is q for q in head)) ⇒ new = -any((p is q for q in head))",
            "groups[int(new)]['params'].append(p) ⇒ groups[new]['params'].append(p)",
            "groups[int(new)]['params'].append(p) ⇒ groups[-int(new)]['params'].append(p)",
        ),
    },
    "every entry is overwritten": {
        "loss_surface__vectors": (
            "surface = torch.zeros(len(alphas), len(betas)) ⇒ surface = torch.ones(len(alphas), len(betas))",
            "surface = torch.zeros(len(alphas), len(betas)) ⇒ surface = -torch.zeros(len(alphas), len(betas))",
        ),
    },
    "minus zero is zero": {
        "loss_surface__vectors": ("part = torch.zeros_like(d) ⇒ part = -torch.zeros_like(d)",),
    },
}
