"""Mutants of right answers to section 07 that are right answers too, by the reason why."""

EQUIVALENT: dict[str, dict[str, tuple[str, ...]]] = {
    "one number, place, order, group or label for each picture: all have as many rows as x": {
        "pad_and_crop__loop": (
            "for i in range(len(x)): ⇒ for i in range(len(left)):",
            "for i in range(len(x)): ⇒ for i in range(len(top)):",
        ),
        "rotate__grid": (
            "cos, sin, zero = (theta.cos(), theta.sin(), torch.zeros(len(x)))"
            " ⇒ cos, sin, zero = (theta.cos(), theta.sin(), torch.zeros(len(degrees)))",
        ),
        "channel_shuffle__loop": ("for i in range(len(x)): ⇒ for i in range(len(order)):",),
        "apply_policy__loop": (
            "for i in range(len(x)): ⇒ for i in range(len(chance)):",
            "for i in range(len(x)): ⇒ for i in range(len(group)):",
        ),
        "cutmix__loop": (
            "for i in range(len(x)): ⇒ for i in range(len(order)):",
            "for i in range(len(x)): ⇒ for i in range(len(y)):",
        ),
    },
    "what the answer starts from is overwritten, picture by picture": {
        "pad_and_crop__loop": (
            "y = torch.zeros(x.shape) ⇒ y = torch.ones(x.shape)",
            "y = torch.zeros(x.shape) ⇒ y = -torch.zeros(x.shape)",
        ),
        "channel_shuffle__loop": (
            "y = torch.zeros(x.shape) ⇒ y = torch.ones(x.shape)",
            "y = torch.zeros(x.shape) ⇒ y = -torch.zeros(x.shape)",
        ),
        "cutmix__loop": ("pictures, labels = (x.clone(), y.clone()) ⇒ pictures, labels = (x.clone(), -y.clone())",),
    },
    "minus zero is zero": {
        "rotate__grid": (
            "cos, sin, zero = (theta.cos(), theta.sin(), torch.zeros(len(x)))"
            " ⇒ cos, sin, zero = (theta.cos(), theta.sin(), -torch.zeros(len(x)))",
        ),
    },
    "align_corners is False where it is not given": {
        "rotate__grid": (
            "grid = F.affine_grid(matrix, x.shape, align_corners=False) ⇒ grid = F.affine_grid(matrix, x.shape)",
            "return F.grid_sample(x, grid, align_corners=False) ⇒ return F.grid_sample(x, grid)",
        ),
    },
    "hsv_to_rgb goes round the colour wheel itself": {
        "hue_saturation_value__unbind": ("h = (h + hue[:, None, None]) % 360 ⇒ h = h + hue[:, None, None]",),
    },
    "an integer tensor of one element counts, compares and indexes as an int does": {
        "random_occlusion__loop": (
            "top = int(torch.randint(h - side + 1, (), generator=generator))"
            " ⇒ top = torch.randint(h - side + 1, (), generator=generator)",
            "left = int(torch.randint(w - side + 1, (), generator=generator))"
            " ⇒ left = torch.randint(w - side + 1, (), generator=generator)",
        ),
        "randaugment__loop": (
            "k = int(torch.randint(len(operations), (), generator=generator))"
            " ⇒ k = torch.randint(len(operations), (), generator=generator)",
            "sign = int(torch.randint(2, (), generator=generator)) * 2 - 1"
            " ⇒ sign = torch.randint(2, (), generator=generator) * 2 - 1",
        ),
        "cutmix__loop": (
            "top, left, height, width = (int(b[i]) for b in box) ⇒ top, left, height, width = (b[i] for b in box)",
        ),
    },
    "0, −1, … −(n − 1) are the first entry of a list and the others from its end: each is as likely as before": {
        "randaugment__loop": (
            "k = int(torch.randint(len(operations), (), generator=generator))"
            " ⇒ k = -int(torch.randint(len(operations), (), generator=generator))",
            "k = int(torch.randint(len(operations), (), generator=generator))"
            " ⇒ k = int(-torch.randint(len(operations), (), generator=generator))",
        ),
    },
    "+1 and −1 are equally likely, whichever of them stands for 0": {
        "randaugment__loop": (
            "sign = int(torch.randint(2, (), generator=generator)) * 2 - 1"
            " ⇒ sign = 1 - int(torch.randint(2, (), generator=generator)) * 2",
        ),
    },
    "the order in which max and min get two numbers does not matter": {
        "cutmix__loop": (
            "first, last = (max(top, 0), min(top + height, h)) ⇒ first, last = (max(0, top), min(top + height, h))",
            "first, last = (max(top, 0), min(top + height, h)) ⇒ first, last = (max(top, 0), min(h, top + height))",
            "start, end = (max(left, 0), min(left + width, w)) ⇒ start, end = (max(0, left), min(left + width, w))",
            "start, end = (max(left, 0), min(left + width, w)) ⇒ start, end = (max(left, 0), min(w, left + width))",
        ),
    },
}
