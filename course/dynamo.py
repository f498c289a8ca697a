"""Keeps PyTorch's compiler from being imported where nothing is compiled.

The first step of an optimizer imports `torch._dynamo`, and so does the first `torch.func.grad`. That takes longer than
torch itself, and all that they ask of it is to leave them alone if something is being compiled. Until something is,
`Deferred` stands in its place and does nothing, which is what the compiler would do.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

NAME = "torch._dynamo"
CACHE = "__dynamo_disable"  # where torch keeps what `disable` made of a function


class Deferred(ModuleType):
    """Stands for `torch._dynamo`, and becomes it as soon as it is asked for anything but these few names."""

    def __init__(self) -> None:
        super().__init__(NAME, "See course.dynamo.")
        self.compiled_autograd = _Idle()
        self._spared: list[Callable[..., Any]] = []

    def disable(self, fn: Callable[..., Any] | None = None, *arguments: Any, **options: Any) -> Any:
        """The function itself: whatever is not compiled need not be kept from it."""
        if loaded() or fn is None:
            return real().disable(fn, *arguments, **options)
        self._spared.append(fn)
        return fn

    def graph_break(self, *arguments: Any, **options: Any) -> None:
        """Nothing, as long as no graph is being built."""
        if loaded():
            real().graph_break(*arguments, **options)

    def forget(self) -> None:
        """From now on functions are kept from the compiler in earnest."""
        for fn in self._spared:
            vars(fn).pop(CACHE, None)
        self._spared.clear()

    def __getattr__(self, name: str) -> Any:
        # Whoever looks through all modules (inspect, say) asks each for its file; that is no reason to load this one.
        if name.startswith("__") and name != "__path__":
            raise AttributeError(f"module {NAME!r} is not loaded yet, and has no attribute {name!r}")
        return getattr(real(), name)


class _Idle:
    """`torch._dynamo.compiled_autograd`, of which torch.func asks only to be off."""

    def _disable(self) -> AbstractContextManager[None]:
        context: AbstractContextManager[None] = real().compiled_autograd._disable() if loaded() else nullcontext()
        return context

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(real().compiled_autograd, name)


class _Inside(MetaPathFinder, Loader):
    """Finds parts of `torch._dynamo` that loading it has brought along.

    `import torch._dynamo.config` asks for the package's path, and so loads the package and with it that very part;
    Python would then load the part once more.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for what is there, None for all else."""
        if name.startswith(f"{NAME}.") and name in sys.modules and target is None:
            return ModuleSpec(name, self)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module that is there."""
        module = sys.modules[spec.name]
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It has run; only its spec is given back."""
        spec = module.__spec__
        if spec and spec.loader is self:  # torch's settings do not let themselves be changed
            module.__spec__ = spec.loader_state


def loaded() -> bool:
    """Whether the compiler is there, or on its way."""
    return not isinstance(sys.modules.get(NAME), Deferred)


def real() -> Any:
    """The compiler, imported if need be."""
    deferred = sys.modules.get(NAME)
    if isinstance(deferred, Deferred):
        del sys.modules[NAME]
        deferred.forget()
    return import_module(NAME)


def defer() -> None:
    """Put `Deferred` into the compiler's place, unless that is there already."""
    if NAME not in sys.modules:
        sys.modules[NAME] = Deferred()
        sys.meta_path.insert(0, _Inside())
