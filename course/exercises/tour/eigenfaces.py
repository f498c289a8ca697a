"""Exercise tour.eigenfaces: the mean face and the directions in which faces differ most."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course import tour
from course.exercises.exercise import Case, Draw, Exercise, Property, Unusable, mistake, mistakes

Inputs = tuple[Tensor, int]


def drive(eigenfaces: Callable[..., Any], faces: Tensor, k: int) -> dict[str, Any]:
    """The mean face and the components, each of them with the library's sign: v and −v are equally right."""
    known, (height, width) = tour.eigenfaces(faces, k)[1], faces.shape[1:]
    answer = eigenfaces(faces, k)
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        raise Unusable(f"eigenfaces must return two tensors, `mean, components`; it returned {_what(answer)}.")
    mean, components = answer
    if isinstance(components, Tensor):
        components = components.detach()
        _pictures("components", components, (k, height, width))
        components = _signed(components, known)
    if isinstance(mean, Tensor):
        _pictures("mean", mean, (height, width))
    return {"mean": mean, "components": components}


def _what(answer: Any) -> str:
    if answer is None:
        return "None: is there a return"
    return f"{len(answer)} things" if type(answer) in (list, tuple) else f"one thing of type {type(answer).__name__}"


def _pictures(name: str, value: Tensor, shape: tuple[int, ...]) -> None:
    """Long vectors are no mistake in the mathematics: say how they become pictures."""
    if tuple(value.shape) == shape or value.numel() != math.prod(shape):
        return
    row = "(H, W), as a face is" if name == "mean" else "(k, H, W), one picture each"
    columns = name == "components" and value.ndim == 2 and value.shape[0] != shape[0]
    view = f"{name}{'.T' if columns else ''}.reshape{shape}"
    raise Unusable(f"{name} has shape {tuple(value.shape)}; return it as {row}, here with `{view}`.")


def _signed(components: Tensor, known: Tensor) -> Tensor:
    """Each component times ±1: along the known one, or, where it is far from that, with its largest entry positive."""
    if components.ndim < 2 or not components.is_floating_point() or not components.numel():
        return components
    flat = components.flatten(1)
    # Of two entries of the same size the first one decides.
    ranked = flat.abs() * torch.linspace(1, 0.99, flat.shape[1]).to(flat)
    entry = flat.gather(1, ranked.argmax(1, keepdim=True))
    if components.shape == known.shape:
        along = (flat * known.to(flat).flatten(1)).sum(1, keepdim=True)
        entry = torch.where(along.abs() > 0.5 * flat.norm(dim=1, keepdim=True), along, entry)
    return (flat * torch.where(entry < 0, -1, 1) + 0.0).view(components.shape)  # + 0.0: no −0 in reports


def cases(draw: Draw) -> list[Case]:
    """Faces of three and four pixels by hand, then few faces with many pixels and many with few; one component, all."""
    few = draw.integer(5, 7)
    two = torch.tensor([[[0.25, 0.5, 0.75]], [[0.75, 0.5, 0.75]]])
    # not the first pixel: torch.linalg.eig, which does not sort, finds its eigenvalues in the order of these pixels
    four = torch.tensor([[0.375, 0.25], [0.625, 0.25], [0.375, 0.75], [0.625, 0.75]])
    four = torch.stack([four, torch.tensor([0.25, 1.0]).expand(4, 2)], 1)
    return [
        Case("two faces that differ in their first pixel", (two, 1), "hand"),
        Case("four faces: the second pixel varies most, then the first", (four, 2), "hand"),
        Case("few faces, many pixels", (_faces(draw, few, 4, 6), 3)),
        Case("many faces, few pixels", (_faces(draw, draw.integer(13, 15), 3, 2), 4)),
        Case("one component", (_faces(draw, draw.integer(8, 9), 5, 2), 1)),
        Case("as many faces and pixels as before", (_faces(draw, few, 4, 6), 3)),
        Case("as many components as pixels", (_faces(draw, draw.integer(8, 9), 2, 2), 4)),
        Case("as many components as there are", (_faces(draw, 5, 3, 5), 4)),
        Case("pictures", (_faces(draw, draw.integer(20, 24), 8, 7), draw.integer(5, 6))),
    ]


def _faces(draw: Draw, n: int, height: int, width: int) -> Tensor:
    """Faces whose singular values fall to 70 % each time, so that no two components can be taken for each other."""
    rank = min(n - 1, height * width)
    weights = draw.normal(n, rank)
    u = torch.linalg.qr(weights - weights.mean(0)).Q
    v = torch.linalg.qr(draw.normal(height * width, rank)).Q
    differences = u * 0.7 ** torch.arange(rank) @ v.T
    mean = 0.3 + 0.4 * torch.rand(height * width, generator=draw.generator)
    return (mean + 0.3 * differences / differences.abs().max()).view(n, height, width).contiguous()


# ---------------------------------------------------------------------------------------------- properties


def _length(inputs: Inputs, answer: dict[str, Tensor]) -> str | None:
    for i, length in enumerate(answer["components"].double().flatten(1).norm(dim=1).tolist()):
        if abs(length - 1) > 1e-3:
            return f"component {i} has length {length:.3g}; as long vectors, components have length 1"
    return None


def _right_angles(inputs: Inputs, answer: dict[str, Tensor]) -> str | None:
    flat = answer["components"].double().flatten(1)
    for i, row in enumerate((flat @ flat.T).tolist()):
        for j, product in enumerate(row[:i]):
            if abs(product) > 1e-3:
                return f"components {j} and {i} are not at right angles: their inner product is {product:.3g}, not 0"
    return None


def _spread(faces: Tensor, components: Tensor) -> tuple[Tensor, Tensor]:
    """Along each component, what share of the variance of the faces is there; and the shares of the true ones."""
    x = (faces - faces.mean(0)).double().flatten(1)
    possible = torch.linalg.svdvals(x).square()
    along = (x @ components.double().flatten(1).T).square().sum(0)
    return along / possible.sum(), possible / possible.sum()


EXACT = "The decomposition must be exact: torch.linalg.svd is, torch.pca_lowrank only with q = min(N, H·W)."


def _most_first(inputs: Inputs, answer: dict[str, Tensor]) -> str | None:
    along, possible = _spread(inputs[0], answer["components"])
    for i, (got, wanted) in enumerate(zip(along.tolist(), possible.tolist(), strict=False)):
        if abs(got - wanted) > 1e-2 * wanted + 1e-5:
            text = (
                f"{100 * got:.1f} % of the variance of the faces is along component {i}; with the components by "
                f"falling singular value it is {100 * wanted:.1f} %"
            )
            # torch.pca_lowrank with q = k comes near.
            return f"{text}. Is this an approximation? {EXACT}" if 0.2 * wanted < got < wanted else text
    return None


# ---------------------------------------------------------------------------------------------- misconceptions


def mean_not_removed(faces, k):
    """The mean face was not subtracted (or twice), so the first component is mostly the mean again; decompose
    X − mean."""
    mean = faces.mean(0)
    components = torch.linalg.svd(faces.flatten(1), full_matrices=False).Vh[:k]
    return mean, components.view(k, *mean.shape)


def one_number_for_mean(faces, k):
    """This mean is one number for all pixels; the mean face has a mean of its own for each pixel: faces.mean(0)."""
    mean = faces.mean()
    components = torch.linalg.svd((faces - mean).flatten(1), full_matrices=False).Vh[:k]
    return mean, components.view(k, *faces.shape[1:])


def mean_of_each_face(faces, k):
    """This mean is taken over the pixels of each face; take it over the faces, pixel by pixel: faces.mean(0)."""
    x = faces.flatten(1)
    mean = x.mean(1)
    components = torch.linalg.svd(x - mean[:, None], full_matrices=False).Vh[:k]
    return mean, components.view(k, *faces.shape[1:])


def mean_of_each_face_kept(faces, k):  # noqa: D103 - the same with keepdim
    mean = faces.mean((1, 2), keepdim=True)
    components = torch.linalg.svd((faces - mean).flatten(1), full_matrices=False).Vh[:k]
    return mean, components.view(k, *faces.shape[1:])


def columns_of_vh(faces, k):
    """These are columns of Vᵀ; the components are its first k rows (torch.linalg.svd returns V transposed already)."""
    mean = faces.mean(0)
    vh = torch.linalg.svd((faces - mean).flatten(1)).Vh
    return mean, vh[:, :k].T.reshape(k, *mean.shape)


def columns_of_thin_vh(faces, k):  # noqa: D103 - the same mistake; stops where there are fewer faces than pixels
    mean = faces.mean(0)
    vh = torch.linalg.svd((faces - mean).flatten(1), full_matrices=False).Vh
    return mean, vh[:, :k].T.reshape(k, *mean.shape)


def rows_of_eigenvectors(faces, k):
    """These are rows of the matrix of eigenvectors, but torch.linalg.eigh puts each eigenvector in a column, the one
    with the largest eigenvalue last: vectors[:, -k:].flip(1).T are the components."""
    mean = faces.mean(0)
    x = (faces - mean).flatten(1)
    return mean, torch.linalg.eigh(x.T @ x).eigenvectors.flip(0)[:k].reshape(k, *mean.shape)


def columns_read_as_rows(faces, k):
    """The components are columns here, and reshape reads along rows, which scrambles them; transpose first, with
    .T."""
    mean = faces.mean(0)
    v = torch.linalg.svd((faces - mean).flatten(1), full_matrices=False).Vh.T
    return mean, v[:, :k].reshape(k, *mean.shape)


def left_vectors(faces, k):
    """U has one row per face: how much of each component is in it; the components themselves are the rows of Vᵀ."""
    mean = faces.mean(0)
    u = torch.linalg.svd((faces - mean).flatten(1), full_matrices=False).U
    return mean, u[:, :k].T


def left_vectors_as_pictures(faces, k):  # noqa: D103 - the same mistake; stops unless there are as many faces as pixels
    mean = faces.mean(0)
    u = torch.linalg.svd((faces - mean).flatten(1), full_matrices=False).U
    return mean, u[:, :k].T.reshape(k, *mean.shape)


def rows_of_u(faces, k):  # noqa: D103 - the same mistake, with rows; stops where there are fewer faces than pixels
    mean = faces.mean(0)
    u = torch.linalg.svd((faces - mean).flatten(1), full_matrices=False).U
    return mean, u[:k].reshape(k, *mean.shape)


def smallest_first(faces, k):
    """These are the components with the smallest singular values (eigh puts them first, by rising eigenvalue); take
    the largest."""
    mean = faces.mean(0)
    vh = torch.linalg.svd((faces - mean).flatten(1), full_matrices=False).Vh
    return mean, vh.flip(0)[:k].view(k, *mean.shape)


def unsorted(faces, k):
    """The eigenvectors come in no order (torch.linalg.eig and np.linalg.eig do not sort): put the one with the largest
    eigenvalue first, or take svd, which does."""
    mean = faces.mean(0)
    x = (faces - mean).flatten(1).double()
    vectors = torch.linalg.eig(x.T @ x).eigenvectors.real.to(faces.dtype)
    return mean, vectors[:, :k].T.reshape(k, *mean.shape)


def rising_order(faces, k):
    """The right components come in the wrong order: the one with the largest singular value is first."""
    mean = faces.mean(0)
    vh = torch.linalg.svd((faces - mean).flatten(1), full_matrices=False).Vh[:k]
    return mean, vh.flip(0).view(k, *mean.shape)


def times_singular_value(faces, k):
    """The components are multiplied by their singular values; return them with length 1."""
    mean = faces.mean(0)
    _, s, vh = torch.linalg.svd((faces - mean).flatten(1), full_matrices=False)
    return mean, (s[:k, None] * vh[:k]).view(k, *mean.shape)


def times_spread(faces, k):  # noqa: D103 - times the standard deviation along them
    mean = faces.mean(0)
    _, s, vh = torch.linalg.svd((faces - mean).flatten(1), full_matrices=False)
    return mean, (s[:k, None] * vh[:k] / (len(faces) - 1) ** 0.5).view(k, *mean.shape)


def first_left_out(faces, k):
    """The first component is left out: after the mean is subtracted it is a component like the others; start at 0."""
    mean = faces.mean(0)
    vh = torch.linalg.svd((faces - mean).flatten(1)).Vh[1 : k + 1]
    return mean, vh.view(len(vh), *mean.shape)


def one_too_many(faces, k):
    """There is one component too many; a slice [:k] holds k of them."""
    mean = faces.mean(0)
    vh = torch.linalg.svd((faces - mean).flatten(1), full_matrices=False).Vh[: k + 1]
    return mean, vh.view(len(vh), *mean.shape)


def all_components(faces, k):
    """All components came back; return the first k."""
    mean = faces.mean(0)
    vh = torch.linalg.svd((faces - mean).flatten(1), full_matrices=False).Vh
    return mean, vh.view(len(vh), *mean.shape)


def all_directions(faces, k):  # noqa: D103 - and those in which the faces do not differ
    mean = faces.mean(0)
    vh = torch.linalg.svd((faces - mean).flatten(1)).Vh
    return mean, vh.view(len(vh), *mean.shape)


def standardised(faces, k):
    """Each pixel was divided by its standard deviation; eigenfaces only subtract the mean, so that pixels which vary
    more count more."""
    mean = faces.mean(0)
    x = ((faces - mean) / (faces.std(0) + 1e-8)).flatten(1)
    return mean, torch.linalg.svd(x, full_matrices=False).Vh[:k].view(k, *mean.shape)


def mean_added(faces, k):
    """The mean face was added to the components; they are directions away from it and are returned by themselves."""
    mean = faces.mean(0)
    components = torch.linalg.svd((faces - mean).flatten(1), full_matrices=False).Vh[:k]
    return mean, components.view(k, *mean.shape) + mean


def swapped_result(faces, k):
    """The two results are swapped: return the mean first, then the components."""
    mean = faces.mean(0)
    components = torch.linalg.svd((faces - mean).flatten(1), full_matrices=False).Vh[:k]
    return components.view(k, *mean.shape), mean


def _smallest(inputs: Inputs, answer: dict[str, Tensor]) -> bool:
    """The k smallest singular values; where several are 0, any directions that belong to them."""
    (faces, k), components = inputs, answer["components"]
    mean_is_right = torch.allclose(answer["mean"].double(), faces.double().mean(0), atol=1e-4)
    if not mean_is_right or len(components) != k or _length(inputs, answer) or _right_angles(inputs, answer):
        return False
    along, possible = _spread(faces, components)
    every = torch.cat([possible, possible.new_zeros(faces[0].numel() - len(possible))])
    return any(torch.allclose(along.sort().values, p.flip(0)[:k], atol=1e-4) for p in (possible, every))


def _rows(inputs: Inputs, answer: dict[str, Tensor]) -> bool:
    """Rows of the matrix of eigenvectors, from either end and in either order of columns; the sign of a column is free,
    and so are the columns that belong to equal eigenvalues, so that only the others can tell."""
    (faces, k), components = inputs, answer["components"]
    mean_is_right = torch.allclose(answer["mean"].double(), faces.double().mean(0), atol=1e-4)
    if not mean_is_right or len(components) != k or _length(inputs, answer) or _right_angles(inputs, answer):
        return False
    x = (faces - faces.mean(0)).double().flatten(1)
    values, vectors = torch.linalg.eigh(x.T @ x)
    apart = torch.cat([torch.ones(1).bool(), values.diff() > 1e-3 * values[-1], torch.ones(1).bool()])
    rows, got = vectors.abs().masked_fill(~(apart[:-1] & apart[1:]), math.nan), components.double().flatten(1).abs()
    ends = [turned for v in (rows, rows.flip(1)) for turned in (v[:k], v.flip(0)[:k], v[-k:])]
    return any(bool(((got - wanted).abs().nan_to_num(0) < 1e-2).all()) for wanted in ends)


# ------------------------------------------------------------------------------------------------ alternatives


def as_written(faces, k):  # noqa: D103
    mean = faces.mean(0)
    _, _, v = torch.linalg.svd((faces - mean).flatten(1), full_matrices=False)
    return mean, v[:k].view(k, *mean.shape)


def by_covariance(faces, k):  # noqa: D103
    x = faces.flatten(1)
    mean = x.mean(0)
    covariance = (x - mean).T @ (x - mean) / (len(x) - 1)
    vectors = torch.linalg.eigh(covariance).eigenvectors.flip(1)[:, :k]
    return mean.reshape(faces.shape[1:]), vectors.T.reshape(k, *faces.shape[1:])


def by_faces_times_faces(faces, k):  # noqa: D103
    mean = faces.mean(0)
    x = (faces - mean).flatten(1)
    vectors = torch.linalg.eigh(x @ x.T).eigenvectors[:, -k:].flip(1)
    components = vectors.T @ x
    components = components / components.norm(dim=1, keepdim=True)
    return mean, components.view(k, *mean.shape)


def in_double(faces, k):  # noqa: D103
    x = faces.double().flatten(1)
    mean = x.mean(0, keepdim=True)
    _, _, v = torch.svd(x - mean)
    return [mean.view(faces.shape[1:]), -v[:, :k].T.reshape(k, *faces.shape[1:])]


def by_pca(faces, k):  # noqa: D103
    x = faces.flatten(1)
    _, _, v = torch.pca_lowrank(x, q=min(x.shape))
    return faces.mean(0), v[:, :k].T.reshape(k, *faces.shape[1:])


EXERCISE = Exercise(
    name="tour.eigenfaces",
    title="Eigenfaces",
    signature="eigenfaces(faces, k)",
    points=2,
    minutes=12,
    difficulty=2,
    idea=(
        "Once every face is a row of numbers and the mean face is taken away, the directions in which faces "
        "differ most are exactly what the singular value decomposition finds, in the order of their importance. "
        "The rest is folding: rows of numbers back into pictures."
    ),
    pseudocode="""
    X ← one row for each face                       N × (H·W)
    x̄ ← mean of the rows
    U, S, Vᵀ ← decomposition of X − x̄
    components ← rows 1 … k of Vᵀ                   each folded to H × W
    return x̄, folded to H × W, and the components
    """,
    reference=tour.eigenfaces,
    shown=as_written,
    cases=cases,
    drive=drive,
    properties=(
        Property("components have length 1", _length),
        Property("components are at right angles", _right_angles),
        Property("components come by falling singular value", _most_first),
    ),
    misconceptions=(
        *mistakes(mean_not_removed, one_number_for_mean),
        mistake(mean_of_each_face, mean_of_each_face_kept),
        mistake(columns_of_vh, columns_of_thin_vh),
        *mistakes(columns_read_as_rows),
        mistake(left_vectors, left_vectors_as_pictures, rows_of_u),
        *mistakes(rising_order, unsorted),
        *mistakes(
            smallest_first=(smallest_first, _smallest),
            rows_of_eigenvectors=(rows_of_eigenvectors, _rows),
        ),
        mistake(times_singular_value, times_spread),
        *mistakes(first_left_out, one_too_many),
        mistake(all_components, all_directions),
        *mistakes(standardised, mean_added, swapped_result),
    ),
    alternatives=(as_written, by_covariance, by_faces_times_faces, in_double, by_pca),
    atol=5e-4,
    telling=("components",),
    pictures=("faces",),
    note=f"Return two tensors: the mean face (H, W), then the components (k, H, W). {EXACT}",
    forbidden=("sklearn.decomposition",),
)
