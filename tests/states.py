"""Migrating faster than Django does, to the same tables."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db.migrations.operations import (
    AddConstraint,
    AddIndex,
    RemoveConstraint,
    RemoveIndex,
)
from django.db.migrations.state import ProjectState
from pgtrigger.migrations import AddTrigger, RemoveTrigger

# What the options of a model list, and the operations that change nothing else of it.
_LISTED = ("constraints", "indexes", "triggers")
_OPERATIONS: tuple[Any, ...] = (
    AddConstraint,
    RemoveConstraint,
    AddIndex,
    RemoveIndex,
    AddTrigger,
    RemoveTrigger,
)


@contextmanager
def options_in_place() -> Iterator[None]:
    """Let a state's model take a constraint, an index or a trigger without being made anew.

    Django makes the model and its neighbours again for each of them, which is half of the time that
    migrations take. `make structure` goes through all of them as Django does.
    """
    with pytest.MonkeyPatch.context() as patch:
        for operation in _OPERATIONS:
            patch.setattr(operation, "state_forwards", _in_place(operation.state_forwards))
        yield


def _in_place(forwards: Callable[..., None]) -> Callable[..., None]:
    def state_forwards(operation: Any, app_label: str, state: ProjectState) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ProjectState, "reload_model", _update)
            forwards(operation, app_label, state)

    return state_forwards


def _update(state: ProjectState, app_label: str, model_name: str, delay: bool = False) -> None:
    """Give the model that the state has, if it has any yet, the lists of its options."""
    if "apps" in state.__dict__:
        listed = state.models[app_label, model_name].options
        options = state.apps.get_model(app_label, model_name)._meta
        for name in _LISTED:
            if name in listed:
                setattr(options, name, listed[name])
