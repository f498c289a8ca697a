"""Mutants of right answers to section 00 that are right answers too, by the reason why."""

EQUIVALENT: dict[str, dict[str, tuple[str, ...]]] = {
    "minus zero is zero": {
        "integral_image__zeros_in_front": (
            "s = torch.zeros(height + 1, width + 1) ⇒ s = -torch.zeros(height + 1, width + 1)",
        ),
        "integral_image__recurrence": (
            "s = torch.zeros(height + 1, width + 1) ⇒ s = -torch.zeros(height + 1, width + 1)",
        ),
        "local_binary_pattern__shifts": (
            "codes = torch.zeros(height, width, dtype=torch.int64)"
            " ⇒ codes = -torch.zeros(height, width, dtype=torch.int64)",
        ),
        "local_binary_pattern__pixels": (
            "padded = torch.zeros(height + 2, width + 2) ⇒ padded = -torch.zeros(height + 2, width + 2)",
            "codes = torch.zeros(height, width, dtype=torch.uint8)"
            " ⇒ codes = -torch.zeros(height, width, dtype=torch.uint8)",
        ),
    },
    "dividing by ±1 is multiplying by it": {
        "haar_response__weights": (
            "return (corners.diff() * torch.tensor([1.0, -1.0])).sum()"
            " ⇒ return (corners.diff() / torch.tensor([1.0, -1.0])).sum()",
        ),
    },
    "the sign of a component is free": {
        "eigenfaces__svd": (
            "x = (faces - mean).flatten(1) ⇒ x = -(faces - mean).flatten(1)",
            "x = (faces - mean).flatten(1) ⇒ x = (mean - faces).flatten(1)",
            "return (mean, vh[:k].view(k, *mean.shape)) ⇒ return (mean, -vh[:k].view(k, *mean.shape))",
        ),
        "eigenfaces__covariance": (
            "x = x - mean ⇒ x = mean - x",
            "return (mean.reshape(height, width), vectors[:, order].T.reshape(k, height, width))"
            " ⇒ return (mean.reshape(height, width), -vectors[:, order].T.reshape(k, height, width))",
        ),
        "eigenfaces__faces_times_faces": (
            "x = (faces - mean).flatten(1) ⇒ x = -(faces - mean).flatten(1)",
            "x = (faces - mean).flatten(1) ⇒ x = (mean - faces).flatten(1)",
            "components.append((v / v.norm()).view(mean.shape)) ⇒ components.append(-(v / v.norm()).view(mean.shape))",
            "components.append((v / v.norm()).view(mean.shape)) ⇒ components.append((v / -v.norm()).view(mean.shape))",
            "return (mean, torch.stack(components)) ⇒ return (mean, -torch.stack(components))",
        ),
    },
    "the first rows of the full Vᵀ are those of the thin one": {
        "eigenfaces__svd": (
            "vh = torch.linalg.svd(x, full_matrices=False)[2] ⇒ vh = torch.linalg.svd(x)[2]",
            "vh = torch.linalg.svd(x, full_matrices=False)[2] ⇒ vh = torch.linalg.svd(x, full_matrices=True)[2]",
        ),
    },
    "more zeros below or to the right are never looked at": {
        "local_binary_pattern__shifts": (
            "padded = F.pad(gray, (1, 1, 1, 1)) ⇒ padded = F.pad(gray, (1, 2, 1, 1))",
            "padded = F.pad(gray, (1, 1, 1, 1)) ⇒ padded = F.pad(gray, (1, 1, 1, 2))",
        ),
    },
    "the larger window is read at its first three rows and columns only": {
        "local_binary_pattern__pixels": (
            "a = padded[r - 1:r + 2, c - 1:c + 2] ⇒ a = padded[r - 1:, c - 1:c + 2]",
            "a = padded[r - 1:r + 2, c - 1:c + 2] ⇒ a = padded[r - 1:r + 2, c - 1:]",
            "a = padded[r - 1:r + 2, c - 1:c + 2] ⇒ a = padded[r - 1:r + 3, c - 1:c + 2]",
            "a = padded[r - 1:r + 2, c - 1:c + 2] ⇒ a = padded[r - 1:r + 2, c - 1:c + 3]",
        ),
    },
    "every code is overwritten": {
        "local_binary_pattern__pixels": (
            "codes = torch.zeros(height, width, dtype=torch.uint8)"
            " ⇒ codes = torch.ones(height, width, dtype=torch.uint8)",
        ),
    },
    "True counts as 1": {
        "local_binary_pattern__unfold": ("bits = (around >= patches[4]).long() ⇒ bits = around >= patches[4]",),
        "local_binary_pattern__pixels": ("code = 2 * code + int(n >= a[1, 1]) ⇒ code = 2 * code + (n >= a[1, 1])",),
    },
    "the first picture of one is the last": {
        "local_binary_pattern__unfold": (
            "patches = F.unfold(gray[None, None], kernel_size=3, padding=1)[0]"
            " ⇒ patches = F.unfold(gray[None, None], kernel_size=3, padding=1)[-1]",
        ),
    },
}
