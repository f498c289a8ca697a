"""Right answers to section 01 as students would write them, several styles per exercise: `<exercise>__<style>`.

test_mutants.py breaks each of them in every small way it knows.
"""

import torch
import torch.nn.functional as F


def to_tensor__permute(image):
    return image.permute(2, 0, 1).float() / 255


def to_tensor__channels(image):
    x = image.float() / 255.0
    red, green, blue = x[:, :, 0], x[:, :, 1], x[:, :, 2]
    return torch.stack([red, green, blue])


def to_tensor__loops(image):
    height, width = image.shape[0], image.shape[1]
    x = torch.zeros(3, height, width)
    for i in range(height):
        for j in range(width):
            x[:, i, j] = image[i, j] / 255
    return x


def to_gray__by_index(x):
    red, green, blue = x[..., 0, :, :], x[..., 1, :, :], x[..., 2, :, :]
    return 0.299 * red + 0.587 * green + 0.114 * blue


def to_gray__weights(x):
    weights = torch.tensor([0.299, 0.587, 0.114])
    return (weights[:, None, None] * x).sum(dim=-3)


def to_gray__einsum(x):
    weights = torch.tensor([0.299, 0.587, 0.114])
    return torch.einsum("...chw,c->...hw", x, weights)


def one_hot__torch(y, K):
    P = F.one_hot(y, num_classes=K)
    return P.to(torch.float32)


def one_hot__indexed(y, K):
    P = torch.zeros(len(y), K)
    P[torch.arange(len(y)), y] = 1.0
    return P


def one_hot__compared(y, K):
    classes = torch.arange(K)[None, :]
    labels = y[:, None]
    return torch.where(labels == classes, 1.0, 0.0)


def one_hot__loop(y, K):
    rows = []
    for label in y:
        row = torch.zeros(K)
        row[label] = 1.0
        rows.append(row)
    return torch.stack(rows)


def nearest_neighbour__cdist(train_x, train_y, x):
    distances = torch.cdist(x.flatten(1), train_x.flatten(1))
    return train_y[distances.argmin(dim=1)]


def nearest_neighbour__loop(train_x, train_y, x):
    labels = []
    for picture in x:
        squares = (train_x - picture) ** 2
        nearest = squares.flatten(1).sum(dim=1).argmin()
        labels.append(train_y[nearest])
    return torch.stack(labels)


def nearest_neighbour__product(train_x, train_y, x):
    a = x.reshape(len(x), -1)
    b = train_x.reshape(len(train_x), -1)
    squares = (b * b).sum(1) - 2 * a @ b.T  # ‖a‖² is the same for all neighbours
    return train_y[squares.argmin(1)]


def nearest_neighbour__best_so_far(train_x, train_y, x):
    labels = train_y[:1].repeat(len(x))
    best = (x - train_x[0]).flatten(1).norm(dim=1)
    for i in range(1, len(train_x)):
        distance = (x - train_x[i]).flatten(1).norm(dim=1)
        labels[distance < best] = train_y[i]
        best = torch.minimum(best, distance)
    return labels


def top_k_accuracy__topk(scores, y, k):
    guesses = scores.topk(k, dim=1).indices
    right = (guesses == y[:, None]).any(dim=1)
    return right.float().mean()


def top_k_accuracy__sorting(scores, y, k):
    order = torch.argsort(scores, dim=1, descending=True)
    right = 0
    for guesses, label in zip(order, y, strict=True):
        if label in guesses[:k]:
            right += 1
    return right / len(y)


def top_k_accuracy__rank(scores, y, k):
    own = scores[torch.arange(len(y)), y]
    better = (scores > own[:, None]).sum(dim=1)
    return (better < k).sum() / len(y)
