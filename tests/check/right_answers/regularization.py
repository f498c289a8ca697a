"""Right answers to section 06 as students would write them: `<exercise>__<style>`."""

import copy
import math

import torch


def l2_objective__formula(loss, params, lam, matrices_only):
    if matrices_only:
        params = [p for p in params if p.ndim > 1]
    return loss + 0.5 * lam * sum((p**2).sum() for p in params)


def l2_objective__loop(loss, params, lam, matrices_only):
    for p in params:
        if p.ndim > 1 or not matrices_only:
            loss = loss + lam / 2 * (p * p).sum()
    return loss


def decay_step__formula(w, grad, lr, lam):
    return (1 - lam * lr) * w - lr * grad


def decay_step__in_place(w, grad, lr, lam):
    w *= 1 - lam * lr
    w -= lr * grad
    return w


class EarlyStopping__formula:
    def __init__(self, model, patience):
        self.model = model
        self.patience = patience
        self.best = -math.inf
        self.waited = 0

    def __call__(self, history):
        accuracy = history.validation_accuracy[-1]
        if accuracy > self.best:
            self.best, self.waited = accuracy, 0
            self.state = copy.deepcopy(self.model.state_dict())
        else:
            self.waited += 1
        return self.waited >= self.patience

    def restore(self):
        self.model.load_state_dict(self.state)


class EarlyStopping__history:
    def __init__(self, model, patience):
        self.model, self.patience = model, patience

    def __call__(self, history):
        seen = history.validation_accuracy
        best = seen.index(max(seen)) + 1
        if best == len(seen):
            self.state = {name: value.clone() for name, value in self.model.state_dict().items()}
        return len(seen) - best == self.patience

    def restore(self):
        self.model.load_state_dict(self.state)


def ema_update__formula(average, weights, beta, every):
    beta = beta**every
    return [beta * a + (1 - beta) * w for a, w in zip(average, weights)]  # noqa: B905


def ema_update__in_place(average, weights, beta, every):
    for i in range(len(weights)):
        average[i].lerp_(weights[i], 1 - beta**every)
    return average


def dropout__formula(x, p, training, generator):
    if not training:
        return x
    keep = torch.rand(x.shape, generator=generator) >= p
    return x * keep / (1 - p)


def dropout__where(x, p, training, generator):
    if training:
        drop = torch.rand(x.shape, generator=generator) < p
        x = torch.where(drop, 0, x / (1 - p))
    return x
