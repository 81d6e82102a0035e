"""Template files to bytes: the only module that imports cookiecutter or Jinja.

Of cookiecutter we take what makes a template one: the ``cookiecutter`` context, strict undefined, ``_extensions``. We
leave what could surprise: hooks, the copy of directories, and its extensions for time, random text and UUIDs, with
which the same answers would not give the same bytes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cookiecutter.environment import ExtensionLoaderMixin
from jinja2 import StrictUndefined, TemplateError
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

from loopwright.errors import LoopwrightError
from loopwright.escape import FILTERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Filters", "Renderer"]

TAG = b"{{ cookiecutter."


class Filters(Extension):
    """The escaping filters as an extension, so that plain cookiecutter can render our templates too."""

    def __init__(self, environment: Any) -> None:
        """Add the filters to ``environment``."""
        super().__init__(environment)
        environment.filters.update(FILTERS)


class _Sandbox(ImmutableSandboxedEnvironment):
    def __init__(self, *, extensions: Sequence[str] = (), **options: Any) -> None:
        ours = [name for name in extensions if not name.startswith("cookiecutter.")]
        super().__init__(extensions=ours, undefined=StrictUndefined, keep_trailing_newline=True, **options)


class _Environment(ExtensionLoaderMixin, _Sandbox):  # type: ignore[misc]  # cookiecutter is not typed
    """cookiecutter's environment on a sandbox."""


class Renderer:
    """Renders the files of one template with one set of values.

    Args:
        settings: The template's ``cookiecutter.json``.
        values: A value for every variable that it names; values are data and are never rendered themselves.
    """

    def __init__(self, settings: Path, values: Mapping[str, str]) -> None:
        """Read the settings and make the environment."""
        defaults = json.loads(settings.read_text(encoding="utf-8"))
        self._context = {"cookiecutter": defaults | dict(values)}
        self._environment = _Environment(context=self._context)

    def file(self, path: Path) -> bytes:
        """Return the content of ``path``: rendered when it holds a tag, byte for byte when it does not.

        Raises:
            LoopwrightError: The template is broken; names the file and the variable.
        """
        content = path.read_bytes()
        return self.text(content.decode(), name=path.name).encode() if TAG in content else content

    def text(self, source: str, *, name: str) -> str:
        """Render ``source``; ``name`` is told in an error."""
        try:
            return self._environment.from_string(source).render(self._context)
        except TemplateError as error:
            raise LoopwrightError(
                f"the template file {name} cannot be rendered",
                because=str(error.message),
                attempt="this is a fault of the template: report it with the lines above",
            ) from error
