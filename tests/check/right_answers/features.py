"""Right answers to section 02 as students would write them, several styles per exercise: `<exercise>__<style>`.

test_mutants.py breaks each of them in every small way it knows.
"""

import torch
import torch.nn.functional as F


def correlate2d__shifts(image, kernel):
    h, w = kernel.shape
    padded = F.pad(image, (w // 2, w // 2, h // 2, h // 2))
    result = torch.zeros_like(image)
    for u in range(h):
        for v in range(w):
            result += kernel[u, v] * padded[u : u + image.shape[0], v : v + image.shape[1]]
    return result


def correlate2d__loops(image, kernel):
    height, width = image.shape
    h, w = kernel.shape
    result = torch.zeros(height, width)
    for i in range(height):
        for j in range(width):
            top, left = max(i - h // 2, 0), max(j - w // 2, 0)
            window = image[top : i + h // 2 + 1, left : j + w // 2 + 1]
            u, v = top - i + h // 2, left - j + w // 2
            result[i, j] = (kernel[u : u + window.shape[0], v : v + window.shape[1]] * window).sum()
    return result


def correlate2d__conv2d(image, kernel):
    h, w = kernel.shape
    return F.conv2d(image[None, None], kernel[None, None], padding=(h // 2, w // 2))[0, 0]


def gradient__slices(gray):
    g_x, g_y = torch.zeros_like(gray), torch.zeros_like(gray)
    g_x[:, 1:-1] = gray[:, 2:] - gray[:, :-2]
    g_y[1:-1, :] = gray[2:, :] - gray[:-2, :]
    magnitude = (g_x**2 + g_y**2).sqrt()
    orientation = torch.rad2deg(torch.atan2(g_y, g_x)) % 180
    return magnitude, orientation


def gradient__padded(gray):
    g_x = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1))
    g_y = F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    degrees = torch.atan2(g_y, g_x) / torch.pi * 180
    degrees[degrees < 0] += 180
    degrees[degrees >= 180] -= 180
    return torch.hypot(g_x, g_y), degrees


def gradient__kernels(gray):
    kernel = torch.tensor([-1.0, 0.0, 1.0])
    g_x = F.conv2d(gray[None, None], kernel.view(1, 1, 1, 3))[0, 0]
    g_y = F.conv2d(gray[None, None], kernel.view(1, 1, 3, 1))[0, 0]
    both = torch.stack([F.pad(g_x, (1, 1)), F.pad(g_y, (0, 0, 1, 1))])
    return both.norm(dim=0), torch.atan2(both[1], both[0]).rad2deg().remainder(180)


def cell_histograms__one_hot(magnitude, orientation, cell, bins):
    index = (orientation * bins / 180).long() % bins
    votes = F.one_hot(index, bins) * magnitude[:, :, None]
    rows, columns = magnitude.shape[0] // cell, magnitude.shape[1] // cell
    votes = votes[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell, bins)
    return votes.mean((1, 3))


def cell_histograms__loops(magnitude, orientation, cell, bins):
    rows, columns = magnitude.shape[0] // cell, magnitude.shape[1] // cell
    result = torch.zeros(rows, columns, bins)
    for i in range(rows * cell):
        for j in range(columns * cell):
            b = int(orientation[i, j] / 180 * bins) % bins
            result[i // cell, j // cell, b] += magnitude[i, j]
    return result / cell**2


def cell_histograms__masks(magnitude, orientation, cell, bins):
    index = (orientation // (180 / bins)).long()
    index[index == bins] = 0
    layers = [F.avg_pool2d((magnitude * (index == b))[None], cell)[0] for b in range(bins)]
    return torch.stack(layers, dim=-1)


def hog__unfold(gray, orientations, cell, block):
    g_x, g_y = torch.zeros_like(gray), torch.zeros_like(gray)
    g_x[:, 1:-1] = gray[:, 2:] - gray[:, :-2]
    g_y[1:-1] = gray[2:] - gray[:-2]
    angle = torch.rad2deg(torch.atan2(g_y, g_x)) % 180
    index = (angle * orientations / 180).long() % orientations
    votes = F.one_hot(index, orientations) * torch.hypot(g_x, g_y)[:, :, None]
    cells = F.avg_pool2d(votes.permute(2, 0, 1), cell)
    v = cells.unfold(1, block, 1).unfold(2, block, 1).permute(1, 2, 3, 4, 0)
    v = v / (v.pow(2).sum((2, 3, 4), keepdim=True) + 1e-10).sqrt()
    v = v.clamp(max=0.2)
    v = v / (v.pow(2).sum((2, 3, 4), keepdim=True) + 1e-10).sqrt()
    return v.flatten()


def hog__loops(gray, orientations, cell, block):
    g_x = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1))
    g_y = F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    magnitude = (g_x**2 + g_y**2).sqrt()
    index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 // (180 / orientations)).long()
    rows, columns = gray.shape[0] // cell, gray.shape[1] // cell
    cells = torch.zeros(rows, columns, orientations)
    for r in range(rows):
        for c in range(columns):
            votes = magnitude[r * cell : (r + 1) * cell, c * cell : (c + 1) * cell].flatten()
            bins = index[r * cell : (r + 1) * cell, c * cell : (c + 1) * cell].flatten()
            cells[r, c] = torch.bincount(bins, votes, orientations)
    parts = []
    for r in range(rows - block + 1):
        for c in range(columns - block + 1):
            v = cells[r : r + block, c : c + block].reshape(-1)
            v = torch.clamp(v / (v.norm() + 1e-5), max=0.2)
            parts.append(v / (v.norm() + 1e-5))
    return torch.cat(parts)


def conv_layer__shifts(x, weight, bias):
    h, w = weight.shape[2:]
    padded = F.pad(x, (w // 2, w // 2, h // 2, h // 2))
    y = torch.zeros(x.shape[0], weight.shape[0], x.shape[2], x.shape[3])
    for u in range(h):
        for v in range(w):
            window = padded[:, :, u : u + x.shape[2], v : v + x.shape[3]]
            y += torch.einsum("nchw,oc->nohw", window, weight[:, :, u, v])
    return y + bias[:, None, None]


def conv_layer__matrix(x, weight, bias):
    o, c, h, w = weight.shape
    windows = F.unfold(x, (h, w), padding=(h // 2, w // 2))
    y = weight.reshape(o, c * h * w) @ windows + bias[:, None]
    return y.reshape(x.shape[0], o, x.shape[2], x.shape[3])


def conv_layer__channels(x, weight, bias):
    h, w = weight.shape[2:]
    outputs = []
    for o in range(len(weight)):
        total = bias[o]
        for c in range(x.shape[1]):
            kernel = weight[o : o + 1, c : c + 1]
            total = total + F.conv2d(x[:, c : c + 1], kernel, padding=(h // 2, w // 2))
        outputs.append(total)
    return torch.cat(outputs, dim=1)
