"""Right answers to section 07 as students would write them: `<exercise>__<style>`."""

import math

import torch
import torch.nn.functional as F


def flip__mask(x, flipped):
    y = x.clone()
    y[flipped] = x[flipped].flip(-1)
    return y


def pad_and_crop__loop(x, top, left, padding):
    padded, (h, w) = F.pad(x, (padding, padding, padding, padding)), x.shape[2:]
    y = torch.zeros(x.shape)
    for i in range(len(x)):
        y[i] = padded[i, :, top[i] : top[i] + h, left[i] : left[i] + w]
    return y


def rotate__grid(x, degrees):
    theta = degrees * math.pi / 180
    cos, sin, zero = theta.cos(), theta.sin(), torch.zeros(len(x))
    matrix = torch.stack([cos, -sin, zero, sin, cos, zero], 1).view(-1, 2, 3)
    grid = F.affine_grid(matrix, x.shape, align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def rgb_shift__clamp(x, shift):
    return (x + shift[:, :, None, None]).clamp(0, 1)


def hue_saturation_value__unbind(x, hue, saturation, value):
    from course import augmentation

    h, s, v = augmentation.rgb_to_hsv(x).unbind(1)
    h = (h + hue[:, None, None]) % 360
    s = (s + saturation[:, None, None]).clamp(0, 1)
    v = (v + value[:, None, None]).clamp(0, 1)
    return augmentation.hsv_to_rgb(torch.stack([h, s, v], 1))


def channel_shuffle__loop(x, order):
    y = torch.zeros(x.shape)
    for i in range(len(x)):
        y[i] = x[i, order[i]]
    return y


def random_occlusion__loop(x, area, generator):
    h, w = x.shape[2:]
    side = round(math.sqrt(area * h * w))
    y = x.clone()
    for i in range(len(x)):
        top = int(torch.randint(h - side + 1, (), generator=generator))
        left = int(torch.randint(w - side + 1, (), generator=generator))
        y[i, :, top : top + side, left : left + side] = 0
    return y


def apply_policy__loop(x, policy, operations, group, chance):
    y = x.clone()
    for i in range(len(x)):
        for k, (name, probability, level) in enumerate(policy[group[i]]):
            if chance[i, k] < probability:
                y[i : i + 1] = operations[name](y[i : i + 1], level)
    return y


def randaugment__loop(x, n, m, operations, generator):
    y = x.clone()
    for i in range(len(x)):
        for _ in range(n):
            k = int(torch.randint(len(operations), (), generator=generator))
            sign = int(torch.randint(2, (), generator=generator)) * 2 - 1
            y[i] = operations[k](y[i], sign * m)
    return y


def mixup__formula(x, y, lam, order):
    a, b = lam[:, None, None, None], lam[:, None]
    return a * x + (1 - a) * x[order], b * y + (1 - b) * y[order]


def cutmix__loop(x, y, box, order):
    pictures, labels = x.clone(), y.clone()
    h, w = x.shape[2:]
    for i in range(len(x)):
        top, left, height, width = (int(b[i]) for b in box)
        first, last = max(top, 0), min(top + height, h)
        start, end = max(left, 0), min(left + width, w)
        pictures[i, :, first:last, start:end] = x[order[i], :, first:last, start:end]
        lam = 1 - (last - first) * (end - start) / (h * w)
        labels[i] = lam * y[i] + (1 - lam) * y[order[i]]
    return pictures, labels
