"""Policy libraries of other people's packages: whatever goes wrong in one is reported as that package's fault."""

from __future__ import annotations

import warnings
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

from rltools._util.discovery import PluginWarning, load_offered, origin
from rltools.errors import PluginError, RltoolsError

if TYPE_CHECKING:
    from rltools.policies.base import Policy
    from rltools.policies.library import Library, LoadOptions


def claiming_guest(point: EntryPoint, source: object) -> Library | None:
    """The library behind an entry point, if it claims a source; None, with a warning, where it cannot be asked."""
    try:
        library: Library = load_offered(point)
        return library if library.claims(source) else None
    except PluginError as error:
        reason = str(error)
    except RltoolsError:
        raise
    except Exception as error:
        reason = f"{_named(point)} cannot say whether it knows a source: {_told(error)}; fix or uninstall it"
    warnings.warn(f"{reason}. It is left out", PluginWarning, stacklevel=4)
    return None


def load_by_guest(point: EntryPoint, library: Library, source: Any, known: LoadOptions) -> Policy:
    """The policy in a source that the library behind an entry point claimed.

    Raises:
        PluginError: it failed with an error that is none of rltools', or gave something that is no policy.
    """
    from rltools.policies.base import missing_members

    try:
        policy = library.load(source, known)
    except RltoolsError:
        raise
    except Exception as error:
        raise PluginError(f"{_named(point)} failed to load {source}: {_told(error)}; fix or uninstall it") from error
    if missing := missing_members(policy):
        raise PluginError(
            f"{_named(point)} made a {type(policy).__name__} of {source}, which lacks {', '.join(missing)} of "
            f"rltools.policies.base.Policy; rltools.testing.check_policy says what a policy must be"
        )
    return policy


def _named(point: EntryPoint) -> str:
    return f"the policy library {point.name} ({origin(point)})"


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
