"""Mutants of right answers to section 03 that are right answers too, by the reason why."""

EQUIVALENT: dict[str, dict[str, tuple[str, ...]]] = {
    "logits and y, x and y, losses and sizes, params and grads have the same length": {
        "cross_entropy__log_softmax": (
            "return -log_p[torch.arange(len(y)), y].mean() ⇒ return -log_p[torch.arange(len(logits)), y].mean()",
        ),
        "cross_entropy__logsumexp": (
            "for z, label in zip(logits, y, strict=True): ⇒ for z, label in zip(logits, y):",
            "for z, label in zip(logits, y, strict=True): ⇒ for z, label in zip(logits, y, strict=False):",
            "return total / len(y) ⇒ return total / len(logits)",
        ),
        "cross_entropy__one_hot": (
            "target[torch.arange(len(y)), y] = 1.0 ⇒ target[torch.arange(len(logits)), y] = 1.0",
        ),
        "sgd_epoch__by_hand": (
            "return sum((a * b for a, b in zip(losses, sizes, strict=True))) / sum(sizes)"
            " ⇒ return sum((a * b for a, b in zip(losses, sizes))) / sum(sizes)",
            "return sum((a * b for a, b in zip(losses, sizes, strict=True))) / sum(sizes)"
            " ⇒ return sum((a * b for a, b in zip(losses, sizes, strict=False))) / sum(sizes)",
        ),
        "sgd_epoch__functional": (
            "for p, g in zip(params, grads, strict=True): ⇒ for p, g in zip(params, grads):",
            "for p, g in zip(params, grads, strict=True): ⇒ for p, g in zip(params, grads, strict=False):",
        ),
        "train__optimizer": (
            "order = torch.randperm(len(x), generator=generator) ⇒ order = torch.randperm(len(y), generator=generator)",
            "for start in range(0, len(x), size): ⇒ for start in range(0, len(y), size):",
            "losses.append(total / len(x)) ⇒ losses.append(total / len(y))",
        ),
        "train__shuffles_data": (
            "order = torch.randperm(len(x), generator=generator) ⇒ order = torch.randperm(len(y), generator=generator)",
            "for start in range(0, len(x), size): ⇒ for start in range(0, len(y), size):",
            "losses.append(total / len(x)) ⇒ losses.append(total / len(y))",
        ),
    },
    "without dim, log_softmax of a matrix takes dim 1 (and warns)": {
        "cross_entropy__log_softmax": ("log_p = F.log_softmax(logits, dim=1) ⇒ log_p = F.log_softmax(logits)",),
        "cross_entropy__one_hot": (
            "return -(target * F.log_softmax(logits, dim=1)).sum(dim=1).mean()"
            " ⇒ return -(target * F.log_softmax(logits)).sum(dim=1).mean()",
        ),
    },
    "(N,) − (N, 1) has all N² pairs, and the mean over pairs of aᵢ − bⱼ is mean a − mean b; N = 1 squeezes to ()": {
        "cross_entropy__by_formula": (
            "chosen = shifted.gather(1, y[:, None]).squeeze(1) ⇒ chosen = shifted.gather(1, y[:, None])",
            "chosen = shifted.gather(1, y[:, None]).squeeze(1) ⇒ chosen = shifted.gather(1, y[:, None]).squeeze()",
            "chosen = shifted.gather(1, y[:, None]).squeeze(1) ⇒ chosen = shifted.gather(1, y[:, None]).squeeze(-0)",
        ),
    },
    "the last dimension of a vector is its first": {
        "cross_entropy__logsumexp": (
            "total = total + torch.logsumexp(z, dim=0) - z[label]"
            " ⇒ total = total + torch.logsumexp(z, dim=-1) - z[label]",
        ),
    },
    "−0 is 0, and what is overwritten may start as anything": {
        "cross_entropy__one_hot": ("target = torch.zeros_like(logits) ⇒ target = -torch.zeros_like(logits)",),
        "gradient_descent__preallocated": (
            "path = torch.zeros(steps + 1, *w0.shape) ⇒ path = torch.ones(steps + 1, *w0.shape)",
            "path = torch.zeros(steps + 1, *w0.shape) ⇒ path = -torch.zeros(steps + 1, *w0.shape)",
        ),
        "gradient_descent__backward": ("w.grad.zero_() ⇒ -w.grad.zero_()",),
        "sgd_epoch__optimizer": ("total, count = (0.0, 0) ⇒ total, count = (0, 0.0)",),
        "sgd_epoch__functional": ("total, count = (0.0, 0) ⇒ total, count = (0, 0.0)",),
    },
    "w may be changed in place": {
        "gd_step__copy": ("w = w.clone() ⇒ pass", "w = w.clone() ⇒ w = w"),
    },
    "w0 is never changed: detach() makes a new tensor, stack() copies": {
        "gradient_descent__autograd": (
            "w = w0.clone() ⇒ w = w0",
            "path = [w0.clone()] ⇒ path = [w0]",
            "w = w.detach().requires_grad_(True) ⇒ w = w.detach().requires_grad_()",
            "w = w.detach().requires_grad_(True) ⇒ w = w.requires_grad_(True)",
        ),
        "gradient_descent__backward": ("w = w0.clone().requires_grad_(True) ⇒ w = w0.clone().requires_grad_()",),
    },
    "a list of points, a tuple of batches is taken too": {
        "gradient_descent__autograd": ("return torch.stack(path) ⇒ return path",),
        "gradient_descent__backward": ("return torch.stack(path) ⇒ return path",),
        "minibatches__split": ("return list(torch.split(order, size)) ⇒ return torch.split(order, size)",),
    },
    "the values are the same, with their history attached": {
        "gradient_descent__autograd": ("path.append(w.detach()) ⇒ path.append(w)",),
        "gradient_descent__backward": (
            "path = [w.detach().clone()] ⇒ path = [w.clone()]",
            "path.append(w.detach().clone()) ⇒ path.append(w.clone())",
        ),
        "sgd_epoch__optimizer": ("total += loss.item() * len(y) ⇒ total += loss * len(y)",),
        "sgd_epoch__by_hand": ("losses.append(loss.item()) ⇒ losses.append(loss)",),
        "sgd_epoch__functional": ("total = total + each.sum().item() ⇒ total = total + each.sum()",),
        "train__optimizer": ("total += loss.item() * len(i) ⇒ total += loss * len(i)",),
        "train__shuffles_data": ("total = total + loss.item() * len(images) ⇒ total = total + loss * len(images)",),
    },
    "multiplication commutes": {
        "sgd_epoch__by_hand": (
            "return sum((a * b for a, b in zip(losses, sizes, strict=True))) / sum(sizes)"
            " ⇒ return sum((a * b for a, b in zip(sizes, losses, strict=True))) / sum(sizes)",
        ),
    },
    "0, −1, …, 1 − N counts from the end: a permutation too": {
        "train__optimizer": (
            "order = torch.randperm(len(x), generator=generator)"
            " ⇒ order = -torch.randperm(len(x), generator=generator)",
        ),
        "train__shuffles_data": (
            "order = torch.randperm(len(x), generator=generator)"
            " ⇒ order = -torch.randperm(len(x), generator=generator)",
        ),
    },
}
