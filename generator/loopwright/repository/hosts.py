"""Which files of a template are for one host of continuous integration: pure, by their paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HOSTS", "OWNERS", "wanted"]

HOSTS: Mapping[str, tuple[str, ...]] = {
    "github": (".github/",),
    "gitlab": (".gitlab-ci.yml", ".gitlab/"),
    "none": (),
}
"""Beginnings of the paths that only one host reads, by the answer that names it."""
OWNERS = {"github": ".github/CODEOWNERS", "gitlab": ".gitlab/CODEOWNERS"}
"""Where a host looks for who reviews what."""
SHARED = (".ci/",)
"""What the pipelines of every host call."""


def wanted(path: str, host: str) -> bool:
    """Tell whether a repository for ``host`` has the file at ``path``.

    Args:
        path: Relative to the repository, with slashes.
        host: A key of `HOSTS`.
    """
    theirs = tuple(start for other, starts in HOSTS.items() if other != host for start in starts)
    return not path.startswith(theirs if HOSTS[host] else (*theirs, *SHARED))
