"""Right answers to section 04 as students would write them: `<exercise>__<style>`."""

import math

import torch


def step_decay__floor(t, lr, every, factor):
    return lr * factor ** (t // every)


def step_decay__loop(t, lr, every, factor):
    while t >= every:
        lr = lr * factor
        t = t - every
    return lr


def exponential_decay__math(t, lr, k):
    return lr * math.exp(-k * t)


def exponential_decay__power(t, lr, k):
    return lr / math.e ** (k * t)


def reciprocal_decay__plain(t, lr, eps):
    return lr / (eps + t)


def reciprocal_decay__power(t, lr, eps):
    return lr * (t + eps) ** -1


def cosine_decay__clamped(t, lr, total, lowest):
    share = min(t / total, 1.0)
    return lowest + 0.5 * (lr - lowest) * (1 + math.cos(math.pi * share))


def cosine_decay__branch(t, lr, total, lowest):
    if t > total:
        return lowest
    weight = (math.cos(t / total * math.pi) + 1) / 2
    return weight * lr + (1 - weight) * lowest


def linear_warmup__branch(t, lr, warmup):
    if t < warmup:
        return lr * t / warmup
    return lr


def linear_warmup__clamped(t, lr, warmup):
    return lr * min(1.0, t / warmup) if warmup > 0 else lr


def warmup_then__inner(schedule, warmup):
    def composed(t):
        if t < warmup:
            return schedule(0.0) * t / warmup
        return schedule(t - warmup)

    return composed


def warmup_then__lambda(schedule, warmup):
    top = schedule(0)
    return lambda t: top * (t / warmup) if t < warmup else schedule(t - warmup)


def scale_lr__products(lr, batch, new_batch):
    devices, samples = batch
    new_devices, new_samples = new_batch
    return lr * (new_devices * new_samples) / (devices * samples)


def scale_lr__factor(lr, batch, new_batch):
    k = (new_batch[0] * new_batch[1]) / (batch[0] * batch[1])
    return k * lr


def steps_apart__mean(k, gradient, w, lr):
    small = w
    for i in range(k):
        small = small - lr * gradient(small, i)
    mean = sum(gradient(w, i) for i in range(k)) / k
    return small, w - k * lr * mean


def steps_apart__stack(k, gradient, w, lr):
    small = w.clone()
    for i in range(k):
        small -= lr * gradient(small, i)
    big = w - lr * torch.stack([gradient(w, i) for i in range(k)]).sum(dim=0)
    return small, big
