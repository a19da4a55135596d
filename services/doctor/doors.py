"""Checks whether Kafka lets us in: at every given address, and at every address that a broker advertises."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from aiokafka.conn import AIOKafkaConnection

from services.doctor.clocks import Now
from services.doctor.findings import Check, Report
from services.failures import ExpectedFailure
from services.kafka import Cluster, NotLetInError
from services.kafka.asking import Broker, brokers_of, certificate_ends, is_of_least_version
from services.kafka.credentials import NoTokenError, TlsFileError
from services.kafka.entering import ClosedError, addresses_of, let_in

SECONDS = 5.0
#: A certificate that expires sooner than this is reported.
SOON = timedelta(days=21)
LEAST_KAFKA = "3.0"


class _Door(NamedTuple):
    """An address to try; `check`, `silent` and `mend` are the check, the finding and the remedy if nothing answers
    there.
    """

    host: str
    port: int
    check: Check
    silent: str
    mend: str

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(slots=True)
class Doors:
    """The addresses of one cluster. `entered`: the addresses (host, port) that let us in; `_brokers`: the brokers of
    the cluster, as those addresses named them.
    """

    report: Report
    cluster: Cluster
    now: Now
    entered: set[tuple[str, int]] = field(default_factory=set)
    _brokers: set[Broker] = field(default_factory=set)

    async def try_addresses(self) -> None:
        """Try every address that the settings give."""
        mend = "check TRUEUP_KAFKA_BOOTSTRAP, and that the way there is open from here"
        for host, port in sorted(addresses_of(self.cluster)):
            await self._try(_Door(host, port, Check.KAFKA_REACHED, "does not answer", mend))

    async def try_brokers(self) -> bool:
        """Try every broker at the address that it advertises. Returns whether all of them let us in."""
        brokers = sorted(self._brokers)
        for node, host, port in brokers:
            if (host, port) not in self.entered:
                silent = f"broker {node} says that it is reached here, and does not answer"
                mend = f"set advertised.listeners of broker {node} to what is reached from here, or open the way there"
                await self._try(_Door(host, port, Check.KAFKA_ADVERTISED, silent, mend))
        missing = [broker for broker in brokers if (broker.host, broker.port) not in self.entered]
        if not missing:
            says = f"all {len(brokers)} are reached where they say" if len(brokers) > 1 else "is reached where it says"
            self.report.ok(Check.KAFKA_ADVERTISED, "brokers" if len(brokers) > 1 else "broker", says)
        return not missing

    async def _try(self, door: _Door) -> None:
        try:
            connection = await let_in(self.cluster, door.host, door.port, SECONDS)
        except Exception as error:  # whatever a client raises is the reason why we are not let in
            self._say_why(door, error)
            return
        try:
            self._say_how(door, connection)
            if door.check is Check.KAFKA_REACHED:
                self._brokers.update(await brokers_of(connection))
        finally:
            connection.close()
        self.entered.add((door.host, door.port))

    def _say_why(self, door: _Door, error: Exception) -> None:
        where, wrong = door.address, self.report.wrong
        match error:
            case NotLetInError():
                check = Check.KAFKA_TLS if error.door == "tls" else Check.KAFKA_LOGIN
                wrong(check, where, str(error.values["what"]), str(error.values["check"]))
            case ClosedError():
                what = f"closes the connection when it is spoken to as {self.cluster.protocol}"
                wrong(door.check, where, what, "check TRUEUP_KAFKA_SECURITY_PROTOCOL and the port")
            case TlsFileError():
                wrong(Check.KAFKA_TLS, where, str(error), "give a file that can be read, and is what it should be")
            case NoTokenError():
                mend = "check TRUEUP_KAFKA_OAUTH_TOKEN_URL, TRUEUP_KAFKA_OAUTH_CLIENT_ID and its secret, or AWS's own"
                wrong(Check.KAFKA_LOGIN, where, str(error), mend)
            case ExpectedFailure():
                wrong(Check.KAFKA_LOGIN, where, str(error), "check TRUEUP_KAFKA_SASL_MECHANISM")
            case _:
                wrong(door.check, where, f"{door.silent}: {str(error) or type(error).__name__}", door.mend)

    def _say_how(self, door: _Door, connection: AIOKafkaConnection) -> None:
        as_whom = f" as {self.cluster.user}" if self.cluster.login or self.cluster.tls else ""
        self.report.ok(door.check, door.address, f"lets us in by {self.cluster.protocol}{as_whom}")
        ends = certificate_ends(connection)
        if ends is not None:
            says = f"the certificate holds until {ends:%Y-%m-%d}"
            if ends - self.now() < SOON:
                self.report.note(Check.KAFKA_TLS, door.address, says, "renew it")
            else:
                self.report.ok(Check.KAFKA_TLS, door.address, f"{says}, is of whom we trust, and for this name")
        if not is_of_least_version(connection):
            says = f"is older than Kafka {LEAST_KAFKA}"
            self.report.wrong(Check.KAFKA_VERSION, door.address, says, f"upgrade it to {LEAST_KAFKA} or newer")
