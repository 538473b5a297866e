"""Doctor on the way to a broker: each fault is a real one, before a real Mosquitto or a real socket."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.commands.doctor.areas import broker
from edge.commands.doctor.finding import Finding, Grade
from edge.commands.doctor.subprocess_check import check_in_subprocess
from edge.config import AgentConfig, BrokerConfig
from edge.config_file import PASSWORD_VARIABLE
from tests.support.agents.stand_in import StandIns
from tests.support.brokers.certificates import issued, make_certificates
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.brokers.old_broker import OldBroker
from tests.support.tools import free_port, need_program


def examined(url: str, ca_file: Path | None = None, *, can_log_in: bool = True) -> Finding:
    config = AgentConfig(broker=BrokerConfig(url=url, ca_file=ca_file))
    logins = check_in_subprocess(["broker"], config)["broker"] if can_log_in else None
    (finding,) = broker.examine(config, logins)
    assert finding.part == "broker"
    return finding


def failed(finding: Finding) -> Finding:
    assert (finding.grade, finding.exit_code) == (Grade.FAIL, 69)
    return finding


def test_a_broker_that_lets_us_in_is_fine(mosquitto: Mosquitto) -> None:
    finding = examined(mosquitto.url)
    assert (finding.grade, finding.exit_code, finding.remedy) == (Grade.OK, 0, "")


def test_one_that_speaks_mqtt_3_only_is_fine(mosquitto: Mosquitto) -> None:
    with OldBroker(mosquitto.port) as old:
        assert examined(old.url).grade is Grade.OK


def test_nothing_that_listens_here_is_started() -> None:
    finding = failed(examined(f"mqtt://127.0.0.1:{free_port()}"))
    assert "nothing listens on port" in finding.detail
    assert finding.remedy.endswith(("systemctl start mosquitto", "apt install mosquitto"))


def test_a_broker_that_runs_and_listens_elsewhere_is_asked_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_program("mosquitto")
    programs = StandIns(tmp_path / "bin")
    programs.add("systemctl", {"is-active": "active\n"})
    monkeypatch.setenv("PATH", programs.path)
    finding = failed(examined(f"mqtt://127.0.0.1:{free_port()}"))
    assert "ss -ltnp | grep mosquitto" in finding.remedy


def test_a_name_that_nobody_knows_is_said() -> None:
    finding = failed(examined("mqtt://nowhere.invalid"))
    assert "the name nowhere.invalid is not known" in finding.detail
    assert finding.remedy.startswith("getent hosts nowhere.invalid")


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """A port whose queue of connections is full: the kernel answers no more of them."""
    with contextlib.ExitStack() as opened:
        server = opened.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def test_a_server_that_does_not_answer_is_said() -> None:
    with silent_port() as port:
        finding = failed(examined(f"mqtt://127.0.0.1:{port}"))
    assert "does not answer within 5 s" in finding.detail
    assert finding.remedy == "ping 127.0.0.1"


def test_a_login_that_is_wanted_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Mosquitto(tmp_path, user="pi", password="right") as mosquitto:
        finding = failed(examined(mosquitto.url.replace("pi@", "")))
        assert "no user is named" in finding.detail
        assert f"mqtt://USER@127.0.0.1:{mosquitto.port}" in finding.remedy
        monkeypatch.setenv(PASSWORD_VARIABLE, "wrong")
        finding = failed(examined(mosquitto.url))
        assert "refuses the user pi or the password" in finding.detail
        assert PASSWORD_VARIABLE in finding.remedy
        monkeypatch.setenv(PASSWORD_VARIABLE, "right")
        assert examined(mosquitto.url).grade is Grade.OK


def test_a_certificate_of_another_name_is_said_with_its_names(tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "tls")
    server = issued(made, "DNS:broker.example,IP:192.0.2.7")
    with Mosquitto(tmp_path / "broker", tls=server) as mosquitto:
        finding = failed(examined(mosquitto.url, made.ca))
    assert "is for broker.example, 192.0.2.7, not for 127.0.0.1" in finding.detail
    assert f'url = "mqtts://broker.example:{mosquitto.port}"' in finding.remedy


@pytest.mark.parametrize(
    ("start", "end", "detail", "remedy"),
    [
        ("20200101", "20200201", "expired: it was valid until Feb  1 00:00:00 2020", "date"),
        ("20980101", "20990101", "not yet valid: only from Jan  1 00:00:00 2098", "set-ntp true"),
    ],
)
def test_a_certificate_of_another_time_is_said(
    tmp_path: Path, start: str, end: str, detail: str, remedy: str
) -> None:
    made = make_certificates(tmp_path / "tls")
    server = issued(made, "IP:127.0.0.1", start, end)
    with Mosquitto(tmp_path / "broker", tls=server) as mosquitto:
        finding = failed(examined(mosquitto.url, made.ca))
    assert detail in finding.detail
    assert remedy in finding.remedy


def test_a_certificate_of_an_unknown_ca_is_said(tmp_path: Path) -> None:
    made, other = make_certificates(tmp_path / "tls"), make_certificates(tmp_path / "other")
    with Mosquitto(tmp_path / "broker", tls=made) as mosquitto:
        assert examined(mosquitto.url, made.ca).grade is Grade.OK
        finding = failed(examined(mosquitto.url, other.ca))
        assert f"not trusted by {other.ca}" in finding.detail
        finding = failed(examined(mosquitto.url))
    assert "not trusted by this system" in finding.detail
    assert "ca_file" in finding.remedy


def test_a_certificate_that_is_made_for_something_else_is_said(tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "tls")
    server = issued(made, "IP:127.0.0.1\nextendedKeyUsage=clientAuth")
    with Mosquitto(tmp_path / "broker", tls=server) as mosquitto:
        finding = failed(examined(mosquitto.url, made.ca))
    assert "certificate is refused: un" in finding.detail
    assert "certificate purpose" in finding.detail
    assert finding.remedy.startswith(f"openssl s_client -connect 127.0.0.1:{mosquitto.port}")


def test_a_client_certificate_that_is_wanted_is_said(tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "tls")
    options = [f"cafile {made.ca}", "require_certificate true"]
    with Mosquitto(tmp_path / "broker", tls=made, options=options) as mosquitto:
        finding = failed(examined(mosquitto.url, made.ca))
    assert "refuses us without a certificate of our own" in finding.detail
    assert "cert_file" in finding.remedy


def test_tls_on_the_wrong_side_is_said(tmp_path: Path, mosquitto: Mosquitto) -> None:
    made = make_certificates(tmp_path / "tls")
    finding = failed(examined(mosquitto.url.replace("mqtt:", "mqtts:"), made.ca))
    assert "does not speak TLS" in finding.detail
    assert mosquitto.url in finding.remedy
    with Mosquitto(tmp_path / "encrypted", tls=made) as encrypted:
        finding = failed(examined(encrypted.url.replace("mqtts:", "mqtt:")))
    assert "the port speaks TLS" in finding.detail
    assert encrypted.url in finding.remedy


def test_files_of_our_own_that_are_no_good_are_a_wrong_configuration(mosquitto: Mosquitto) -> None:
    finding = examined(mosquitto.url.replace("mqtt:", "mqtts:"), Path("/nowhere.pem"))
    assert (finding.grade, finding.exit_code) == (Grade.FAIL, 78)
    assert "/nowhere.pem" in finding.detail


def test_without_the_packages_the_way_is_looked_at_all_the_same(mosquitto: Mosquitto) -> None:
    assert "the login was not tried" in examined(mosquitto.url, can_log_in=False).detail
    failed(examined(f"mqtt://127.0.0.1:{free_port()}", can_log_in=False))


def test_an_address_that_makes_no_sense_is_said() -> None:
    finding = examined("http://broker")
    assert (finding.grade, finding.exit_code) == (Grade.FAIL, 2)
    assert "not an MQTT address" in finding.detail
