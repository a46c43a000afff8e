from __future__ import annotations

import pytest

from devvault.errors import Invalid


def test_a_value_is_found_where_it_stands_and_not_repeated(plane):
    version = plane.set("my-vault", "db", "s3cret-value-1")
    texts = [
        {"name": "a.txt", "text": "nothing here"},
        {"name": "b.txt", "text": "x\ny = s3cret-value-1\n"},
    ]
    found = plane.post("/local/scan", folder="/app", texts=texts)
    assert found["complete"]
    assert found["values"] == 1
    assert found["findings"] == [
        {
            "name": "b.txt",
            "line": 2,
            "column": 5,
            "end": 14,
            "vault": "my-vault",
            "secret": "db",
            "version": version,
            "form": "raw",
        }
    ]
    assert "s3cret" not in repr(found)


def test_a_folder_sees_its_own_vaults_alone(plane):
    plane.set("my-vault", "db", "s3cret-value-1")
    texts = [{"name": "b", "text": "s3cret-value-1"}]
    found = plane.post("/local/scan", folder="/elsewhere", texts=texts)
    assert (found["findings"], found["values"]) == ([], 0)


@pytest.mark.parametrize("texts", [None, "x", [1], [{"name": "a"}]])
def test_bad_texts_are_refused(plane, texts):
    with pytest.raises(Invalid):
        plane.post("/local/scan", folder="/app", texts=texts)
