"""Right answers as students would write them, several styles per exercise: `<exercise>__<style>`.

test_mutants.py breaks each of them in every small way it knows.
"""

import torch
import torch.nn.functional as F


def cross_entropy__log_softmax(logits, y):
    log_p = F.log_softmax(logits, dim=1)
    return -log_p[torch.arange(len(y)), y].mean()


def cross_entropy__by_formula(logits, y):
    shifted = logits - torch.amax(logits, dim=1, keepdim=True)
    normaliser = torch.log(shifted.exp().sum(dim=1))
    chosen = shifted.gather(1, y[:, None]).squeeze(1)
    return (normaliser - chosen).mean()


def cross_entropy__logsumexp(logits, y):
    total = 0.0
    for z, label in zip(logits, y, strict=True):
        total = total + torch.logsumexp(z, dim=0) - z[label]
    return total / len(y)


def cross_entropy__one_hot(logits, y):
    target = torch.zeros_like(logits)
    target[torch.arange(len(y)), y] = 1.0
    return -(target * F.log_softmax(logits, dim=1)).sum(dim=1).mean()


def gd_step__plain(w, grad, lr):
    return w - lr * grad


def gd_step__named(w, grad, lr):
    step = -lr * grad
    w_new = w + step
    return w_new  # noqa: RET504


def gd_step__copy(w, grad, lr):
    w = w.clone()
    w -= lr * grad
    return w


def gd_step__torch(w, grad, lr):
    return torch.sub(w, grad, alpha=lr)


def gradient_descent__autograd(loss, w0, lr, steps):
    w = w0.clone()
    path = [w0.clone()]
    for _ in range(steps):
        w = w.detach().requires_grad_(True)
        (grad,) = torch.autograd.grad(loss(w), w)
        w = w - lr * grad
        path.append(w.detach())
    return torch.stack(path)


def gradient_descent__backward(loss, w0, lr, steps):
    w = w0.clone().requires_grad_(True)
    path = [w.detach().clone()]
    for _ in range(steps):
        if w.grad is not None:
            w.grad.zero_()
        loss(w).backward()
        with torch.no_grad():
            w -= lr * w.grad
        path.append(w.detach().clone())
    return torch.stack(path)


def gradient_descent__preallocated(loss, w0, lr, steps):
    path = torch.zeros(steps + 1, *w0.shape)
    path[0] = w0
    for t in range(steps):
        path[t + 1] = path[t] - lr * torch.func.grad(loss)(path[t])
    return path


def minibatches__split(n, size, generator):
    order = torch.randperm(n, generator=generator)
    return list(torch.split(order, size))


def minibatches__slices(n, size, generator):
    order = torch.randperm(n, generator=generator)
    batches = []
    for start in range(0, n, size):
        batches.append(order[start : start + size])  # noqa: PERF401
    return batches


def minibatches__while(n, size, generator):
    left = torch.randperm(n, generator=generator)
    while len(left) > 0:
        yield left[:size]
        left = left[size:]


def momentum_step__plain(w, grad, delta, lr, alpha):
    delta = alpha * delta + grad
    w = w - lr * delta
    return w, delta


def momentum_step__in_place(w, grad, delta, lr, alpha):
    delta *= alpha
    delta += grad
    w -= lr * delta
    return w, delta


def momentum_step__one_line(w, grad, delta, lr, alpha):
    return w - lr * (grad + alpha * delta), grad + alpha * delta


def sgd_epoch__optimizer(model, batches, lr):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    total, count = 0.0, 0
    for x, y in batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(y)
        count += len(y)
    return total / count


def sgd_epoch__by_hand(model, batches, lr):
    losses, sizes = [], []
    for x, y in batches:
        model.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= lr * p.grad
        losses.append(loss.item())
        sizes.append(x.shape[0])
    return sum(a * b for a, b in zip(losses, sizes, strict=True)) / sum(sizes)


def sgd_epoch__functional(model, batches, lr):
    params = list(model.parameters())
    total, count = 0.0, 0
    for x, y in batches:
        each = F.cross_entropy(model(x), y, reduction="none")
        grads = torch.autograd.grad(each.mean(), params)
        for p, g in zip(params, grads, strict=True):
            p.data = p.data - lr * g
        total = total + each.sum().item()
        count = count + len(y)
    return total / count


def train__optimizer(model, x, y, lr, epochs, size, generator):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for _ in range(epochs):
        order = torch.randperm(len(x), generator=generator)
        total = 0.0
        for start in range(0, len(x), size):
            i = order[start : start + size]
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x[i]), y[i])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(i)
        losses.append(total / len(x))
    return losses


def train__shuffles_data(model, x, y, lr, epochs, size, generator):
    losses = []
    for _ in range(epochs):
        order = torch.randperm(len(x), generator=generator)
        x, y = x[order], y[order]
        total = 0.0
        for start in range(0, len(x), size):
            images, labels = x[start : start + size], y[start : start + size]
            model.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            with torch.no_grad():
                for p in model.parameters():
                    p -= lr * p.grad
            total = total + loss.item() * len(images)
        losses.append(total / len(x))
    return losses
