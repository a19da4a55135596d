"""By what a store is known to be of this version."""

import re

from services.migrate.migrate import MIGRATIONS
from services.store.generations import _IS_MIGRATED


def test_a_store_counts_as_migrated_by_what_the_newest_migration_has_made() -> None:
    """A process that takes an older one for it would say later, and in other words, that a table is not there."""
    [made] = re.findall(r"to_regclass\('store\.(\w+)'\)", _IS_MIGRATED)
    newest = max(MIGRATIONS.glob("*.sql")).read_text()
    assert re.search(rf"CREATE TABLE store\.{made}\b|CREATE (UNIQUE )?INDEX {made}\b", newest)
