"""Energy-based models over binary states: trained with energy discrepancy, sampled with gradients, and judged.

Public names are listed in `__init__.pyi` and imported when first used, so that `import discrete_ed` is immediate.
"""

from typing import Any

import lazy_loader

_public_name, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("discrete-ed")
    return _public_name(name)
