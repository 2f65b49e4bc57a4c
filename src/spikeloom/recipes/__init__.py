"""Recipes: one file, one result of one paper, with the figure that it promises.

Every module here except `recipe` holds one `RECIPE`; the package `shared` holds what several use.
None of them imports torch when it is imported, so that listing them takes no time.
"""

from importlib import import_module
from pkgutil import iter_modules

from spikeloom.recipes.recipe import Promise as Promise
from spikeloom.recipes.recipe import Recipe as Recipe


def recipes() -> list[Recipe]:
    """All recipes, by name.

    Returns:
        They, sorted.
    """
    modules = (m.name for m in iter_modules(__path__) if m.name != "recipe" and not m.ispkg)
    found = [import_module(f"{__name__}.{name}").RECIPE for name in modules]
    return sorted(found, key=lambda recipe: recipe.name)


def find(name: str) -> Recipe:
    """The recipe of a name.

    Args:
        name: As on the command line.

    Returns:
        The recipe.

    Raises:
        KeyError: There is none.
    """
    return {recipe.name: recipe for recipe in recipes()}[name]
