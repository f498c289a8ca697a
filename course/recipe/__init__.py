"""Everything together: batch norm, fine-tuning, loss surfaces, and the challenge (lecture section 10, the summary)."""

from course.recipe.challenge import BUDGET, Budget, BudgetSpent, Network
from course.recipe.norm import BatchNorm, batch_norm
from course.recipe.surface import directions, filter_normalised, loss_line, loss_surface
from course.recipe.tuning import finetune_groups, transplant

__all__ = [
    "BUDGET",
    "BatchNorm",
    "Budget",
    "BudgetSpent",
    "Network",
    "batch_norm",
    "directions",
    "filter_normalised",
    "finetune_groups",
    "loss_line",
    "loss_surface",
    "transplant",
]
