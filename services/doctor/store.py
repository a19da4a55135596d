"""Checks whether this version has migrated the database, and whether our processes have the rights in it that they
need.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import asyncpg

from events.topics import TOPICS
from services.doctor.findings import Check, Report
from services.doctor.kafka_needs import ROLES, WantedTopics
from services.erasure.operators_key import KeyFileError
from services.migrate.migrate import MIGRATIONS, known_topics
from services.personal.keyring import Keyring, NoPersonalKeyError, WrongPersonalKeyError
from services.personal.keys import check_opens
from services.postgres import RoleNotGrantedError, connected
from services.postgres.rights import Granted, granted, missing_grants, unsecured
from services.postgres.roles import Role, is_here
from services.readside.live import Live, find_live
from services.run.settings import Settings
from services.store.generations import NotMigratedError, load_generations

_APPLIED = "SELECT name FROM store.migrations"
_IS_THERE = "SELECT to_regclass('store.migrations') IS NOT NULL"
_MAY_MAKE = """
SELECT CASE WHEN to_regnamespace('store') IS NULL
    THEN has_database_privilege(current_database(), 'CREATE')
    ELSE pg_has_role((SELECT nspowner FROM pg_namespace WHERE nspname = 'store'), 'MEMBER') END
"""
_MAY_ACT = """
SELECT pg_has_role($1, CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END)
"""
_LIMIT = "SELECT record_bytes FROM store.limits"
_USER = "SELECT current_user"
_ABOUT = "schema store"
#: The processes that encrypt or decrypt personal data.
_SEALING = ("api", "ingest", "webhooks")


async def examine_store(report: Report, connection: Any) -> bool:
    """Check the version of the event store. Returns whether it is this version's."""
    wanted = {file.name for file in Path(MIGRATIONS).glob("*.sql")}
    applied = set()
    if await connection.fetchval(_IS_THERE):
        try:
            applied = {row["name"] for row in await connection.fetch(_APPLIED)}
        except asyncpg.InsufficientPrivilegeError:
            return await _told_by_newest(report, connection)
    if newer := applied - wanted:
        says, mend = f"was migrated by a newer version ({max(newer)})", "run that version or a newer one"
    elif not applied:
        says, mend = "is not migrated", "run `trueup migrate`"
    elif missing := wanted - applied:
        says, mend = f"is of an older version: {', '.join(sorted(missing))} missing", "run `trueup migrate`"
    else:
        report.ok(Check.STORE, _ABOUT, f"is of this version ({max(wanted)})")
        return True
    report.wrong(Check.STORE, _ABOUT, says, mend)
    return False


async def _told_by_newest(report: Report, connection: Any) -> bool:
    """The same check for a user who may not read the list of migrations, as processes may not: it reads what the newest
    migration has made.
    """
    try:
        await load_generations(connection)
    except NotMigratedError:
        report.wrong(Check.STORE, _ABOUT, "is not migrated by this version", "run `trueup migrate`")
        return False
    report.ok(Check.STORE, _ABOUT, "has what this version needs")
    return True


async def examine_read_models(report: Report, connection: Any) -> Live | None:
    """Check that the live read models are this version's, or are about to be. Returns them; None if there are none."""
    live = await find_live(connection)
    if live is None:
        report.wrong(Check.READ_MODELS, _ABOUT, "there are no read models", "run `trueup migrate`")
        return None
    about = f"read models {live.schema}"
    if live.is_current:
        report.ok(Check.READ_MODELS, about, "are of this version")
    elif live.is_wanted:
        says = "are of another version; this one's are wanted, and a projector of this version fills them"
        report.wrong(Check.READ_MODELS, about, says, "start `trueup projector`, or wait for it, or run `trueup replay`")
    else:
        mend = "run `trueup migrate` with the version that is to be used, and no other version beside it"
        report.wrong(Check.READ_MODELS, about, "are of another version, and so are those that are wanted", mend)
    return live


async def examine_roles(report: Report, connection: Any, processes: Iterable[str], live: Live | None) -> None:
    """Check which role each process acts as, and the role's rights; `live` are the read models that rights are checked
    in.
    """
    user = await connection.fetchval(_USER)
    here = [role for role in Role if await is_here(connection, role)]
    acting = {role: role if role in here else user for process in processes for role in ROLES[process]}
    if acting and not here:
        says = f"are not there: processes keep the rights of {user!r}, and the API alone keeps organizations apart"
        report.note(Check.POSTGRES_ROLE, "roles", says, "`trueup migrate` says what an administrator has to run")
    for role in here:
        if role in acting and not await connection.fetchval(_MAY_ACT, str(role)):
            mend = f"have an administrator run GRANT {role} TO {user}"
            report.wrong(Check.POSTGRES_ROLE, f"role {role}", f"{user!r} may not act as it", mend)
    if here:
        await _examine_row_security(report, connection, live)
    if "migrate" in processes and not await connection.fetchval(_MAY_MAKE):
        mend = f"let its owner run `trueup migrate`, or GRANT CREATE ON DATABASE to {user}"
        report.wrong(Check.POSTGRES_RIGHT, _ABOUT, f"{user!r} is not who may make and change it (migrate)", mend)
    await _examine_rights(report, connection, acting, live)


async def _examine_row_security(report: Report, connection: Any, live: Live | None) -> None:
    schemas = ["store"] + ([live.schema] if live else [])
    if open_to_all := [name for schema in schemas for name in await unsecured(connection, schema)]:
        says = f"row security does not keep organizations apart in {', '.join(open_to_all)}"
        report.wrong(Check.POSTGRES_ROLE, "row security", says, "run `trueup migrate`")
    else:
        report.ok(Check.POSTGRES_ROLE, "row security", "keeps organizations apart in every table that has their rows")


async def _examine_rights(report: Report, connection: Any, acting: dict[Role, str], live: Live | None) -> None:
    wanted = list(granted("store.sql", "store"))
    if live is not None and live.is_current:
        wanted += granted("read_models.sql", f'"{live.schema}"')
    needed = [right._replace(role=acting[Role(right.role)]) for right in wanted if right.role in acting]
    missing = await missing_grants(connection, needed)
    by_role: dict[str, list[Granted]] = {}
    for right in missing:
        by_role.setdefault(right.role, []).append(right)
    for role, lacking in sorted(by_role.items()):
        rest = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        says = f"may not {'; '.join(map(str, lacking[:3]))}{rest}"
        report.wrong(Check.POSTGRES_RIGHT, f"role {role}", says, "run `trueup migrate` as the owner of schema store")
    if needed and not missing:
        report.ok(Check.POSTGRES_RIGHT, ", ".join(sorted({right.role for right in needed})), "may do what it must")


async def examine_personal_key(
    report: Report, url: str, keyring: Callable[[], Keyring], processes: Sequence[str]
) -> None:
    """Check that these processes have the operator's key, which encrypts the keys of accounts: by the question that a
    process itself asks at its start, in the role of the first of them.
    """
    asking = [process for process in processes if process in _SEALING]
    if not asking:
        return
    about = "the operator's key"
    try:
        async with connected(url, ROLES[asking[0]][-1]) as connection:
            is_asked = await check_opens(connection, keyring())
    except KeyFileError as error:
        report.wrong(Check.PERSONAL_KEY, about, str(error), "let the processes' user read it")
    except (NoPersonalKeyError, WrongPersonalKeyError) as error:
        mend = f"no {' and no '.join(asking)} starts without it (docs/erasure.md)"
        report.wrong(Check.PERSONAL_KEY, about, str(error), mend)
    except (RoleNotGrantedError, asyncpg.InsufficientPrivilegeError) as error:
        report.not_tried(Check.PERSONAL_KEY, about, str(error))
    else:
        says = "opens accounts' keys" if is_asked else "is asked for by nobody: no account has a key"
        report.ok(Check.PERSONAL_KEY, about, says)


async def wanted_topics(connection: Any, settings: Settings, *, is_migrated: bool) -> WantedTopics:
    """The topics as the store records them; without a migrated store, as `trueup migrate` would create them with these
    settings.
    """
    counts_made: dict[str, int] = {}
    record_bytes = settings.max_record_bytes
    if is_migrated:
        counts_made = await known_topics(connection)
        record_bytes = await connection.fetchval(_LIMIT) or record_bytes
    return _wanted(settings, counts_made, record_bytes)


def wanted_of(settings: Settings) -> WantedTopics:
    """The topics as `trueup migrate` would create them with these settings, for when the store cannot be asked."""
    return _wanted(settings, {}, settings.max_record_bytes)


def _wanted(settings: Settings, counts_made: dict[str, int], record_bytes: int) -> WantedTopics:
    counts = {topic.name: counts_made.get(topic.name) or topic.count(settings.partitions) for topic in TOPICS}
    return WantedTopics(counts, frozenset(counts_made), record_bytes)
