"""Looking: for credentials in what an attacker got, for rows in the database, and whether a thing is what it should be."""

import contextlib
import os
import shutil
import sqlite3
import tempfile

from stage import SECRETS
from process_memory import forms  # stage says where that is

ALICE = SECRETS[("alice", "openai")]


def equal(what, got, expected):
    assert got == expected, f"{what} is {got!r}, expected {expected!r}"


def has_secret(data):
    return next((s for s in SECRETS.values() for f in forms(s) if f in data), None)


def nothing_in(what, data):
    assert has_secret(data) is None, f"{what} has {has_secret(data)}"


def query(stage, sql, *values):
    """The first row, from a copy of the database's files: nobody else may open these while the store runs."""
    folder = os.path.join(stage.appliance.state, "store")
    with tempfile.TemporaryDirectory() as copy:
        for file in os.listdir(folder):
            if file.startswith("clawbox.db") and not file.endswith("-shm"):
                shutil.copy(os.path.join(folder, file), copy)
        with contextlib.closing(sqlite3.connect(os.path.join(copy, "clawbox.db"))) as db:
            return db.execute(sql, values).fetchone()


def row_of(stage, tenant, name):
    """The sealed box, its binding, its tenant's number and routes, as somebody who has the files or has seen them go by."""
    return query(stage, "SELECT box, binding, t.id, t.spec FROM credential c JOIN tenant t ON t.id = c.tenant_id"
                 " WHERE t.name = ? AND c.name = ?", tenant, name)
