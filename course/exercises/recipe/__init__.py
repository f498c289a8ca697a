"""Exercises of section 10: batch norm, fine-tuning, loss surfaces; and the challenge."""

from course.exercises.recipe import batch_norm, best_recipe, finetune_groups, loss_surface

EXERCISES = (batch_norm.EXERCISE, finetune_groups.EXERCISE, loss_surface.EXERCISE)
CHALLENGES = (best_recipe.CHALLENGE,)
