"""Right answers to section 00 as students would write them, several styles per exercise: `<exercise>__<style>`."""

import torch
import torch.nn.functional as F


def integral_image__cumsum(gray):
    sums = gray.cumsum(0).cumsum(1)
    return F.pad(sums, (1, 0, 1, 0))


def integral_image__zeros_in_front(gray):
    height, width = gray.shape
    s = torch.zeros(height + 1, width + 1)
    s[1:, 1:] = torch.cumsum(torch.cumsum(gray, dim=1), dim=0)
    return s


def integral_image__recurrence(gray):
    height, width = gray.shape
    s = torch.zeros(height + 1, width + 1)
    for i in range(height):
        row = 0.0
        for j in range(width):
            row = row + gray[i, j]
            s[i + 1, j + 1] = s[i, j + 1] + row
    return s


def haar_response__two_halves(integral, box):
    top, left, height, width = box
    bottom = top + height
    middle = left + width // 2
    right = left + width
    first = integral[bottom, middle] - integral[top, middle] - integral[bottom, left] + integral[top, left]
    second = integral[bottom, right] - integral[top, right] - integral[bottom, middle] + integral[top, middle]
    return first - second


def haar_response__helper(integral, box):
    def total(i, j, h, w):
        return integral[i + h, j + w] - integral[i, j + w] - integral[i + h, j] + integral[i, j]

    top, left, height, width = box
    half = width // 2
    return total(top, left, height, half) - total(top, left + half, height, half)


def haar_response__weights(integral, box):
    top, left, height, width = box
    strip = integral[top + height] - integral[top]
    corners = strip[left : left + width + 1 : width // 2]
    return (corners.diff() * torch.tensor([1.0, -1.0])).sum()


def eigenfaces__svd(faces, k):
    mean = faces.mean(0)
    x = (faces - mean).flatten(1)
    vh = torch.linalg.svd(x, full_matrices=False)[2]
    return mean, vh[:k].view(k, *mean.shape)


def eigenfaces__covariance(faces, k):
    n, height, width = faces.shape
    x = faces.reshape(n, height * width)
    mean = x.mean(dim=0)
    x = x - mean
    values, vectors = torch.linalg.eigh(x.T @ x)
    order = values.argsort(descending=True)[:k]
    return mean.reshape(height, width), vectors[:, order].T.reshape(k, height, width)


def eigenfaces__faces_times_faces(faces, k):
    mean = torch.stack(list(faces)).mean(dim=0)
    x = (faces - mean).flatten(1)
    vectors = torch.linalg.eigh(x @ x.T)[1]
    components = []
    for i in range(k):
        v = vectors[:, -1 - i] @ x
        components.append((v / v.norm()).view(mean.shape))
    return mean, torch.stack(components)


def local_binary_pattern__shifts(gray):
    height, width = gray.shape
    padded = F.pad(gray, (1, 1, 1, 1))
    steps = [(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]
    codes = torch.zeros(height, width, dtype=torch.int64)
    for p, (i, j) in enumerate(steps):
        neighbour = padded[1 + i : 1 + i + height, 1 + j : 1 + j + width]
        codes += (neighbour >= gray) * 2**p
    return codes


def local_binary_pattern__unfold(gray):
    height, width = gray.shape
    patches = F.unfold(gray[None, None], kernel_size=3, padding=1)[0]
    around = patches[[5, 2, 1, 0, 3, 6, 7, 8]]
    bits = (around >= patches[4]).long()
    values = torch.tensor([1, 2, 4, 8, 16, 32, 64, 128])
    return (bits * values[:, None]).sum(dim=0).view(height, width)


def local_binary_pattern__pixels(gray):
    height, width = gray.shape
    padded = torch.zeros(height + 2, width + 2)
    padded[1:-1, 1:-1] = gray
    codes = torch.zeros(height, width, dtype=torch.uint8)
    for r in range(1, height + 1):
        for c in range(1, width + 1):
            a = padded[r - 1 : r + 2, c - 1 : c + 2]
            code = 0
            for n in (a[2, 2], a[2, 1], a[2, 0], a[1, 0], a[0, 0], a[0, 1], a[0, 2], a[1, 2]):
                code = 2 * code + int(n >= a[1, 1])
            codes[r - 1, c - 1] = code
    return codes
