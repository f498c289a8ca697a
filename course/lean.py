"""To be imported before nbformat: leaves out what takes seconds to import and what nothing here asks for."""

from __future__ import annotations

import sys


def import_jsonschema() -> None:
    """Import jsonschema, which nbformat wants, without its check of international addresses (IRIs).

    For that check it looks for `rfc3987_syntax`, which builds a parser as it is imported: nine tenths of the time that
    `import nbformat` takes. No schema of a notebook has such addresses. Where jsonschema is there already, or the
    parser, nothing happens; whoever imports the parser afterwards gets it.
    """
    if "jsonschema" in sys.modules or "rfc3987_syntax" in sys.modules:
        return
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # imports of it fail, as if it were not installed
    try:
        import jsonschema  # noqa: F401
    except ImportError:
        pass  # nbformat will say so
    finally:
        del sys.modules["rfc3987_syntax"]


import_jsonschema()
