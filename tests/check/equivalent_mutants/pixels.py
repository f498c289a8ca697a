"""Mutants of right answers to section 01 that are right answers too, by the reason why."""

EQUIVALENT: dict[str, dict[str, tuple[str, ...]]] = {
    "/ turns bytes into floats": {
        "to_tensor__permute": ("return image.permute(2, 0, 1).float() / 255 ⇒ return image.permute(2, 0, 1) / 255",),
        "to_tensor__channels": ("x = image.float() / 255.0 ⇒ x = image / 255.0",),
    },
    "every number is overwritten, or −0 is 0 (section 01)": {
        "to_tensor__loops": (
            "x = torch.zeros(3, height, width) ⇒ x = torch.ones(3, height, width)",
            "x = torch.zeros(3, height, width) ⇒ x = -torch.zeros(3, height, width)",
        ),
        "one_hot__indexed": ("P = torch.zeros(len(y), K) ⇒ P = -torch.zeros(len(y), K)",),
        "one_hot__loop": ("row = torch.zeros(K) ⇒ row = -torch.zeros(K)",),
    },
    "a − b and b − a have the same squares and the same norm": {
        "nearest_neighbour__loop": ("squares = (train_x - picture) ** 2 ⇒ squares = (picture - train_x) ** 2",),
        "nearest_neighbour__best_so_far": (
            "best = (x - train_x[0]).flatten(1).norm(dim=1) ⇒ best = (-(x - train_x[0]).flatten(1)).norm(dim=1)",
            "best = (x - train_x[0]).flatten(1).norm(dim=1) ⇒ best = (train_x[0] - x).flatten(1).norm(dim=1)",
            "distance = (x - train_x[i]).flatten(1).norm(dim=1)"
            " ⇒ distance = (-(x - train_x[i]).flatten(1)).norm(dim=1)",
            "distance = (x - train_x[i]).flatten(1).norm(dim=1) ⇒ distance = (train_x[i] - x).flatten(1).norm(dim=1)",
        ),
    },
    "the nearest one has the smallest mean of squares as well": {
        "nearest_neighbour__loop": (
            "nearest = squares.flatten(1).sum(dim=1).argmin() ⇒ nearest = squares.flatten(1).mean(dim=1).argmin()",
        ),
    },
    "no two distances are equal, the minimum has no order, and the first picture may be looked at twice": {
        "nearest_neighbour__best_so_far": (
            "labels[distance < best] = train_y[i] ⇒ labels[distance <= best] = train_y[i]",
            "best = torch.minimum(best, distance) ⇒ best = torch.minimum(distance, best)",
            "for i in range(1, len(train_x)): ⇒ for i in range(-0, len(train_x)):",
        ),
    },
    "train_x and train_y, scores and y, order and y have the same length": {
        "nearest_neighbour__product": (
            "b = train_x.reshape(len(train_x), -1) ⇒ b = train_x.reshape(len(train_y), -1)",
        ),
        "nearest_neighbour__best_so_far": ("for i in range(1, len(train_x)): ⇒ for i in range(1, len(train_y)):",),
        "top_k_accuracy__sorting": (
            "for guesses, label in zip(order, y, strict=True): ⇒ for guesses, label in zip(order, y):",
            "for guesses, label in zip(order, y, strict=True): ⇒ for guesses, label in zip(order, y, strict=False):",
            "return right / len(y) ⇒ return right / len(scores)",
        ),
        "top_k_accuracy__rank": (
            "own = scores[torch.arange(len(y)), y] ⇒ own = scores[torch.arange(len(scores)), y]",
            "return (better < k).sum() / len(y) ⇒ return (better < k).sum() / len(scores)",
        ),
    },
    "without dim, topk and argsort take the last one": {
        "top_k_accuracy__topk": ("guesses = scores.topk(k, dim=1).indices ⇒ guesses = scores.topk(k).indices",),
        "top_k_accuracy__sorting": (
            "order = torch.argsort(scores, dim=1, descending=True) ⇒ order = torch.argsort(scores, descending=True)",
        ),
    },
}
