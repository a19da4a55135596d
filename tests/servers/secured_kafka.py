"""A broker as people have them: TLS with an authority of its own, logins, and rights that somebody has to give.

Its first port is without all of this, for whoever sets things up; behind the others nobody may do what no ACL allows.
`pem/` holds keys and certificates that are good for nothing else; they hold from 2020 to 2120.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest

from services.kafka import Cluster, Password, Tls, new_admin
from services.run.stack.kafka import EmbeddedKafka

PEM = Path(__file__).with_name("pem")
TLS = Tls(ca_file=str(PEM / "ca.pem"))
OUR_CERTIFICATE = Tls(TLS.ca_file, str(PEM / "client.pem"), str(PEM / "client.key"))
#: Who may log in, each with the same way of making a password.
USERS = (
    "migrate",
    "api",
    "relay",
    "ingest",
    "projector",
    "webhooks",
    "notary",
    "jobs",
    "archive",
    "restore",
    "publisher",
    "all",
    "nobody",
)
#: Nobody listens there: it needs rights to.
CLOSED_PORT = 1
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
_BEARER = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"
_RESOURCES = {"topic": 2, "group": 3}
_PATTERNS = {"literal": 3, "prefixed": 4}
_OPERATIONS = {
    "read": 3, "write": 4, "create": 5, "alter": 7, "describe": 8, "describeconfigs": 10, "alterconfigs": 11,
}  # fmt: skip
_ANY_HOST, _ALLOW = "*", 3


def password_of(user: str) -> str:
    return f"{user}-knows-it"


def login_of(user: str, mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512") -> Password:
    return Password(mechanism, user, password_of(user))


class Right(NamedTuple):
    """One ACL: who may do what with which topics or groups."""

    principal: str
    operation: str
    kind: str
    name: str
    pattern: str = "literal"


class SecuredKafka(EmbeddedKafka):
    """See above; `setting_up` is the way in without login, the others are made of the ports beside it."""

    port_count = 6
    format_options = tuple(
        option
        for user in USERS
        for number in (256, 512)
        for option in ("--add-scram", f"SCRAM-SHA-{number}=[name={user},password={password_of(user)}]")
    )

    def _properties(self, ports: list[int]) -> dict[str, object]:
        plain, controller, with_tls, without, certified, misled = ports
        names = {
            "WITHTLS": ("SASL_SSL", with_tls),
            "WITHOUT": ("SASL_PLAINTEXT", without),
            "CERTIFIED": ("SSL", certified),
            "MISLED": ("PLAINTEXT", misled),
        }
        listeners = "".join(f",{name}://127.0.0.1:{port}" for name, (_, port) in names.items())
        protocols = "".join(f",{name}:{protocol}" for name, (protocol, _) in names.items())
        store = self._folder / "server-store.pem"
        store.write_text((PEM / "server.key").read_text() + (PEM / "server.pem").read_text())
        users = " ".join(f'user_{user}="{password_of(user)}"' for user in USERS)
        logins = {
            "plain": f"{_PLAIN} required {users};",
            "scram-sha-256": f"{_SCRAM} required;",
            "scram-sha-512": f"{_SCRAM} required;",
            "oauthbearer": f'{_BEARER} required unsecuredLoginStringClaim_sub="broker";',
        }
        return {
            **super()._properties(ports),
            "listeners": f"BROKER://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller}{listeners}",
            # Who enters by the last one is told of an address where nobody answers.
            "advertised.listeners": f"BROKER://127.0.0.1:{plain}{listeners}".replace(f":{misled}", f":{CLOSED_PORT}"),
            "listener.security.protocol.map": f"BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}",
            **{
                f"listener.name.{name}.{mechanism}.sasl.jaas.config": text
                for name in ("withtls", "without")
                for mechanism, text in logins.items()
            },
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": store,
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": PEM / "ca.pem",
            "listener.name.certified.ssl.client.auth": "required",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
            # Whoever has logged in has to do so again, as clouds ask it; aiokafka does by another connection.
            "connections.max.reauth.ms": 10_000,
        }

    def _at(self, index: int) -> str:
        assert self._ports is not None, "it has not been started"
        return f"127.0.0.1:{self._ports[index]}"

    @property
    def setting_up(self) -> Cluster:
        """Without TLS and login, and with all rights."""
        return Cluster(self._at(0))

    @property
    def with_tls(self) -> str:
        """SASL_SSL."""
        return self._at(2)

    @property
    def without_tls(self) -> str:
        """SASL_PLAINTEXT."""
        return self._at(3)

    @property
    def certified(self) -> str:
        """SSL, for who shows a certificate."""
        return self._at(4)

    @property
    def misled(self) -> str:
        """Without TLS and login, and the broker says that it is reached elsewhere, where it is not."""
        return self._at(5)

    async def allow(self, rights: Sequence[Right]) -> None:
        """Make these ACLs."""
        admin: AIOKafkaAdminClient = new_admin(self.setting_up)
        await admin.start()
        try:
            for right in rights:
                answer = await admin._send_request(
                    CreateAclsRequest(
                        _RESOURCES[right.kind],
                        right.name,
                        _PATTERNS[right.pattern],
                        f"User:{right.principal}",
                        _ANY_HOST,
                        _OPERATIONS[right.operation],
                        _ALLOW,
                    )
                )
                assert [code for code, _ in answer.creation_responses] == [0], answer
        finally:
            await admin.close()
