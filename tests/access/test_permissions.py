from __future__ import annotations

from devvault.access.permissions import data_actions, data_operations, is_of_a_version
from devvault.access.policies import PERMISSIONS
from devvault.access.roles import built_in, matches
from devvault.model.operations import OPERATIONS


def test_the_table_is_the_registers_where_both_know_an_operation():
    table = {operation.id.lower(): operation for operation in data_operations()}
    assert len(table) == len(data_operations())
    for operation in OPERATIONS.values():
        if operation.data:
            found = table[operation.id.lower()]
            assert found.action == operation.action
            assert operation.permission.lower() in found.verbs


def test_every_verb_is_one_and_every_verb_but_all_is_used():
    used: dict[str, set[str]] = {}
    for operation in data_operations():
        assert set(operation.verbs) <= PERMISSIONS[operation.kind]
        used.setdefault(operation.kind, set()).update(operation.verbs)
    for kind in ("secrets", "keys", "certificates"):
        assert used[kind] == PERMISSIONS[kind] - {"all"}


def test_the_built_in_roles_name_no_other_data_action():
    for role in built_in().values():
        for pattern in role.data_actions:
            assert any(matches((pattern,), action) for action in data_actions()), pattern


def test_what_is_done_with_a_version_is_an_operation_on_an_object():
    found = [one for one in data_operations() if is_of_a_version(one.id)]
    assert len(found) == 13
    assert all(one.verbs[0] != "list" for one in found)
