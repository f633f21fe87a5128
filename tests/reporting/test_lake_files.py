"""Small files of a lake are read, written and deleted alike on a path and at a URL of this machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from livegold.reporting.errors import NotFound
from livegold.reporting.lake import (
    commit_records,
    delete_file,
    delete_folder,
    is_remote,
    names_in,
    read_text,
    transaction_version,
    write_text,
)

PLACES: list[Callable[[Path], str]] = [str, Path.as_uri]


@pytest.mark.parametrize("place", PLACES, ids=["path", "url"])
def test_what_is_written_is_read_listed_and_deleted(tmp_path: Path, place: Callable[[Path], str]) -> None:
    root = place(tmp_path)
    assert not is_remote(root)
    assert is_remote("abfss://gold@account.dfs.core.windows.net/lake")
    assert read_text(f"{root}/a/one.json") is None
    assert names_in(f"{root}/a") == []
    write_text(f"{root}/a/one.json", "eins")
    write_text(f"{root}/a/one.json", "uno")
    write_text(f"{root}/a/b/two.json", "due")
    assert read_text(f"{root}/a/one.json") == "uno"
    assert read_text(f"{root}/a/b/two.json") == "due"
    assert set(names_in(f"{root}/a")) >= {"b", "one.json"}
    delete_file(f"{root}/a/one.json")
    delete_file(f"{root}/a/one.json")
    assert read_text(f"{root}/a/one.json") is None
    delete_folder(f"{root}/a")
    delete_folder(f"{root}/a")
    assert read_text(f"{root}/a/b/two.json") is None


def test_the_log_of_a_table_tells_transactions_and_records_and_passes_over_what_is_not_ours(tmp_path: Path) -> None:
    path = str(tmp_path / "table")
    with pytest.raises(NotFound):
        transaction_version(path, "q/predictions")
    noted = [json.dumps({"batch_id": 0}), "by hand", None, json.dumps({"batch_id": 1})]
    for number, text in enumerate(noted):
        write_deltalake(
            path,
            pa.table({"x": [number]}),
            mode="append",
            commit_properties=CommitProperties(
                custom_metadata=None if text is None else {"userMetadata": text},
                app_transactions=[Transaction("q/predictions", number)],
            ),
        )
    assert transaction_version(path, "q/predictions") == 3
    assert transaction_version(path, "another/predictions") == -1
    assert list(commit_records(DeltaTable(path))) == [{"batch_id": 1}, {"batch_id": 0}]
    assert list(commit_records(DeltaTable(path), 1)) == [{"batch_id": 1}]
