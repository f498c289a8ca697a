"""Mutants of right answers to section 02 that are right answers too, by the reason why."""

_CONV = "return F.conv2d(image[None, None], kernel[None, None], padding=(h // 2, w // 2))"
_PAD = "padded = F.pad({}, (w // 2, w // 2, h // 2, h // 2)) ⇒ padded = F.pad({}, (w // 2, {}))"
_ZEROS = "g_x, g_y = (torch.zeros_like(gray), torch.zeros_like(gray)) ⇒ g_x, g_y = "
_GRID = "rows, columns = (magnitude.shape[0] // cell, magnitude.shape[1] // cell) ⇒ rows, columns = "
_CORNER = "top, left = (max(i - h // 2, 0), max(j - w // 2, 0)) ⇒ top, left = "
_ALONG = "g_x = F.conv2d(gray[None, None], kernel.view(1, 1, 1, 3))"
_DOWN = "g_y = F.conv2d(gray[None, None], kernel.view(1, 1, 3, 1))"

EQUIVALENT: dict[str, dict[str, tuple[str, ...]]] = {
    "−0 is 0, and what is overwritten may start as anything": {
        "correlate2d__shifts": ("result = torch.zeros_like(image) ⇒ result = -torch.zeros_like(image)",),
        "correlate2d__loops": (
            "result = torch.zeros(height, width) ⇒ result = torch.ones(height, width)",
            "result = torch.zeros(height, width) ⇒ result = -torch.zeros(height, width)",
        ),
        "gradient__slices": (
            f"{_ZEROS}(-torch.zeros_like(gray), torch.zeros_like(gray))",
            f"{_ZEROS}(torch.zeros_like(gray), -torch.zeros_like(gray))",
        ),
        "cell_histograms__loops": (
            "result = torch.zeros(rows, columns, bins) ⇒ result = -torch.zeros(rows, columns, bins)",
        ),
        "hog__unfold": (
            f"{_ZEROS}(-torch.zeros_like(gray), torch.zeros_like(gray))",
            f"{_ZEROS}(torch.zeros_like(gray), -torch.zeros_like(gray))",
        ),
        "hog__loops": (
            "cells = torch.zeros(rows, columns, orientations) ⇒ cells = -torch.zeros(rows, columns, orientations)",
            "cells = torch.zeros(rows, columns, orientations) ⇒ cells = torch.ones(rows, columns, orientations)",
        ),
        "conv_layer__shifts": (
            "y = torch.zeros(x.shape[0], weight.shape[0], x.shape[2], x.shape[3])"
            " ⇒ y = -torch.zeros(x.shape[0], weight.shape[0], x.shape[2], x.shape[3])",
        ),
    },
    "more zeros to the right or below than any window reaches": {
        "correlate2d__shifts": tuple(
            _PAD.format("image", "image", rest)
            for rest in (
                "w, h // 2, h // 2",
                "w // 2, h // 2, h",
                "w // --1, h // 2, h // 2",
                "w // 2, h // 2, h // --1",
            )
        ),
        "conv_layer__shifts": tuple(
            _PAD.format("x", "x", rest)
            for rest in (
                "w, h // 2, h // 2",
                "w // 2, h // 2, h",
                "w // --1, h // 2, h // 2",
                "w // 2, h // 2, h // --1",
            )
        ),
    },
    "max, mean over two dimensions and the length of a vector do not care for the order": {
        "correlate2d__loops": (
            f"{_CORNER}(max(0, i - h // 2), max(j - w // 2, 0))",
            f"{_CORNER}(max(i - h // 2, 0), max(0, j - w // 2))",
        ),
        "gradient__padded": ("return (torch.hypot(g_x, g_y), degrees) ⇒ return (torch.hypot(g_y, g_x), degrees)",),
        "cell_histograms__one_hot": ("return votes.mean((1, 3)) ⇒ return votes.mean((3, 1))",),
        "hog__unfold": (
            "votes = F.one_hot(index, orientations) * torch.hypot(g_x, g_y)[:, :, None]"
            " ⇒ votes = F.one_hot(index, orientations) * torch.hypot(g_y, g_x)[:, :, None]",
        ),
    },
    "of a dimension of size 1 the last entry is the first": {
        "correlate2d__conv2d": (f"{_CONV}[0, 0] ⇒ {_CONV}[-1, 0]", f"{_CONV}[0, 0] ⇒ {_CONV}[0, -1]"),
        "gradient__kernels": tuple(
            f"{line}[0, 0] ⇒ {line}[{index}]" for line in (_ALONG, _DOWN) for index in ("-1, 0", "0, -1")
        ),
        "cell_histograms__masks": (
            "layers = [F.avg_pool2d((magnitude * (index == b))[None], cell)[0] for b in range(bins)]"
            " ⇒ layers = [F.avg_pool2d((magnitude * (index == b))[None], cell)[-1] for b in range(bins)]",
        ),
    },
    "the opposite vector has the same length and the same orientation": {
        "gradient__kernels": (
            "kernel = torch.tensor([-1.0, 0.0, 1.0]) ⇒ kernel = -torch.tensor([-1.0, 0.0, 1.0])",
            "both = torch.stack([F.pad(g_x, (1, 1)), F.pad(g_y, (0, 0, 1, 1))])"
            " ⇒ both = -torch.stack([F.pad(g_x, (1, 1)), F.pad(g_y, (0, 0, 1, 1))])",
        ),
    },
    "what is raised by 180 needlessly is lowered again in the next line": {
        "gradient__padded": (
            "degrees[degrees < 0] += 180 ⇒ degrees[degrees <= 0] += 180",
            "degrees[degrees < 0] += 180 ⇒ degrees[degrees < 1] += 180",
        ),
    },
    "magnitude and orientation, x and weight, weight and bias agree in these sizes": {
        "cell_histograms__one_hot": (
            f"{_GRID}(orientation.shape[0] // cell, magnitude.shape[1] // cell)",
            f"{_GRID}(magnitude.shape[0] // cell, orientation.shape[1] // cell)",
        ),
        "cell_histograms__loops": (
            f"{_GRID}(orientation.shape[0] // cell, magnitude.shape[1] // cell)",
            f"{_GRID}(magnitude.shape[0] // cell, orientation.shape[1] // cell)",
        ),
        "conv_layer__shifts": (
            "y = torch.zeros(x.shape[0], weight.shape[0], x.shape[2], x.shape[3])"
            " ⇒ y = torch.zeros(x.shape[0], bias.shape[0], x.shape[2], x.shape[3])",
        ),
        "conv_layer__channels": (
            "for o in range(len(weight)): ⇒ for o in range(len(bias)):",
            "for c in range(x.shape[1]): ⇒ for c in range(weight.shape[1]):",
        ),
    },
    "long() rounds down what is positive, and so does //; whole numbers need no long() to be compared": {
        "cell_histograms__one_hot": (
            "index = (orientation * bins / 180).long() % bins ⇒ index = (orientation * bins // 180).long() % bins",
        ),
        "cell_histograms__masks": (
            "index = (orientation // (180 / bins)).long() ⇒ index = orientation // (180 / bins)",
            "index = (orientation // (180 / bins)).long() ⇒ index = (orientation / (180 / bins)).long()",
        ),
        "hog__unfold": (
            "index = (angle * orientations / 180).long() % orientations"
            " ⇒ index = (angle * orientations // 180).long() % orientations",
        ),
        "hog__loops": (
            "index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 // (180 / orientations)).long()"
            " ⇒ index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 / (180 / orientations)).long()",
        ),
    },
    "any ε that is tiny beside the length of a block keeps 0/0 away, whatever its sign": {
        "hog__loops": (
            "v = torch.clamp(v / (v.norm() + 1e-05), max=0.2) ⇒ v = torch.clamp(v / (v.norm() - 1e-05), max=0.2)",
            "parts.append(v / (v.norm() + 1e-05)) ⇒ parts.append(v / (v.norm() - 1e-05))",
        ),
    },
    "angles are below 180 already": {
        "hog__unfold": (
            "index = (angle * orientations / 180).long() % orientations ⇒ index = (angle * orientations / 180).long()",
        ),
    },
}
