"""The files that deploy a site agree with each other and with what the site reads."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import PydanticUndefined
from ruamel.yaml import YAML

from advisor.configuration import PREFIX, Configuration
from advisor.server.health import HEALTH_PAGES
from advisor.server.roles import DRAIN_S, REQUIRED, SiteRole

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
OF_THE_SITE = ("web1", "web2", "worker1", "worker2", "reconciler")
VARIABLE = re.compile(r"\b(?:CROSSOVER_[A-Z_]+|DATABASE_URL|REDIS_URL|EMAIL_URL)\b")
OF_MANAGE = {"CROSSOVER_MANAGED_ENVIRONMENT"}
"""Read by manage.py itself."""


def variables() -> dict[str, Any]:
    """Each variable that is read, with its default."""
    fields = Configuration.model_fields.items()
    return {str(field.validation_alias or f"{PREFIX}{name.upper()}"): field.default for name, field in fields}


def compose() -> dict[str, Any]:
    return dict(YAML(typ="safe").load(DEPLOY / "compose" / "compose.yaml"))


def manifests() -> Iterator[dict[str, Any]]:
    for path in sorted(KUBERNETES.glob("*.yaml")):
        yield from YAML(typ="safe").load_all(path)


def manifest(kind: str, name: str) -> dict[str, Any]:
    return next(each for each in manifests() if each["kind"] == kind and each["metadata"]["name"] == name)


def role_of(command: list[str]) -> str:
    assert command[:2] == ["up", "--role"]
    return command[2]


def published_port(command: list[str]) -> int:
    return int(command[command.index("--port") + 1])


FILES = [
    ROOT / "Containerfile",
    *(path for path in DEPLOY.rglob("*") if path.is_file() and "monitoring" not in path.parts),
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_variable_named_there_is_read(path: Path) -> None:
    assert set(VARIABLE.findall(path.read_text())) <= set(variables())


def test_the_hosting_guide_names_every_variable_with_its_default() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| .+ \| (.*) \|$", (ROOT / "docs" / "hosting.md").read_text(), re.MULTILINE)
    named = dict(rows)
    assert len(named) == len(rows)
    assert set(named) - OF_MANAGE == set(variables())
    for variable, default in variables().items():
        if default not in (None, PydanticUndefined):
            given = str(default).lower() if isinstance(default, bool) else str(default)
            assert named[variable] == f"`{given}`", variable


def test_the_composed_site_has_every_part_twice_but_the_reconciler() -> None:
    services = compose()["services"]
    assert set(services) == {*OF_THE_SITE, "proxy", "postgres", "valkey"}
    roles = sorted(role_of(services[name]["command"]) for name in OF_THE_SITE)
    assert roles == ["reconciler", "web", "web", "worker", "worker"]


@pytest.mark.parametrize("service", [*OF_THE_SITE, "proxy", "postgres", "valkey"])
def test_each_container_is_confined_and_checked(service: str) -> None:
    given = compose()["services"][service]
    assert given["healthcheck"]["test"]
    assert given["user"].split(":")[0] not in ("0", "root")
    assert given["read_only"] is True
    assert given["cap_drop"] == ["ALL"]
    assert given["security_opt"] == ["no-new-privileges:true"]
    assert "." not in given["image"].split("/")[0].split(":")[0], "an image is named without a registry's host"


def test_what_the_parts_need_is_set_and_asked_for() -> None:
    example = (DEPLOY / "compose" / ".env.example").read_text()
    asked = set(re.findall(r"\$\{(\w+):\?\}", (DEPLOY / "compose" / "compose.yaml").read_text()))
    assert asked == set(re.findall(r"^(\w+)=", example, re.MULTILINE))
    for service in OF_THE_SITE:
        given = compose()["services"][service]["environment"]
        assert {name for name, *_ in REQUIRED} <= set(given)
        assert given["CROSSOVER_MODE"] == "hosted"


def test_the_proxy_reaches_the_web_servers_and_is_trusted() -> None:
    services = compose()["services"]
    text = (DEPLOY / "compose" / "nginx.conf").read_text()
    upstreams = set(re.findall(r"server ([\d.:]+) max_fails=0;", text))
    reached = {
        f"{services[name]['networks']['site']['ipv4_address']}:{published_port(services[name]['command'])}"
        for name in ("web1", "web2")
    }
    assert upstreams == reached
    proxy = services["proxy"]
    assert services["web1"]["environment"]["CROSSOVER_TRUSTED_PROXIES"] == proxy["networks"]["site"]["ipv4_address"]
    inside = proxy["ports"][0].split(":")[1]
    assert f"listen {inside} ssl;" in text


@pytest.mark.skipif(not shutil.which("nginx") or not shutil.which("openssl"), reason="needs nginx and openssl")
def test_nginx_accepts_the_settings(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=x",
            "-keyout",
            key,
            "-out",
            certificate,
        ],
        check=True,
        capture_output=True,
    )
    text = (DEPLOY / "compose" / "nginx.conf").read_text()
    settings = tmp_path / "nginx.conf"
    settings.write_text(text.replace("/tmp/", f"{tmp_path}/").replace("/etc/nginx/tls", str(tmp_path)))  # noqa: S108
    ran = subprocess.run(["nginx", "-t", "-e", "stderr", "-c", settings], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_a_web_server_has_its_time_to_drain() -> None:
    stops = {name: compose()["services"][name]["stop_grace_period"] for name in ("web1", "web2")}
    assert all(int(stop.removesuffix("s")) > DRAIN_S for stop in stops.values())
    pod = manifest("Deployment", "web")["spec"]["template"]["spec"]
    waits_s = int(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > DRAIN_S + waits_s


@pytest.mark.parametrize("part", ["web", "worker", "reconciler"])
def test_each_pod_is_confined_and_probed(part: SiteRole) -> None:
    pod = manifest("Deployment", part)["spec"]["template"]
    container = pod["spec"]["containers"][0]
    assert role_of(container["args"]) == part
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/data", "/tmp"}  # noqa: S108
    assert {"startupProbe", "livenessProbe"} <= set(container)
    assert manifest("Deployment", part)["spec"]["selector"]["matchLabels"] == pod["metadata"]["labels"]


def test_the_web_servers_are_probed_where_they_answer() -> None:
    container = manifest("Deployment", "web")["spec"]["template"]["spec"]["containers"][0]
    assert container["ports"] == [{"name": "http", "containerPort": published_port(container["args"])}]
    probes = {name: container[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert {probe["port"] for probe in probes.values()} == {"http"}
    assert {probe["path"] for probe in probes.values()} <= set(HEALTH_PAGES)
    assert probes["readinessProbe"]["path"] == "/health/serving"


@pytest.mark.parametrize("part", ["web", "worker"])
def test_one_of_each_stays_while_a_node_is_emptied(part: str) -> None:
    budget = manifest("PodDisruptionBudget", part)["spec"]
    deployment = manifest("Deployment", part)["spec"]
    assert budget["selector"] == deployment["selector"]
    assert budget["minAvailable"] < deployment["replicas"]


def test_every_manifest_is_applied_or_offered() -> None:
    text = (KUBERNETES / "kustomization.yaml").read_text()
    files = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(re.findall(r"- (\w+\.yaml)", text)) == files


def test_workers_scale_by_a_metric_that_is_exported() -> None:
    scaled = manifest("ScaledObject", "worker")["spec"]
    assert manifest("Deployment", scaled["scaleTargetRef"]["name"])
    metric = re.search(r"crossover_\w+", scaled["triggers"][0]["metadata"]["query"])
    assert metric and metric[0] in (ROOT / "advisor" / "server" / "metrics.py").read_text()


def test_the_image_is_built_from_files_that_are_let_in() -> None:
    let_in = {line[1:] for line in (ROOT / ".containerignore").read_text().splitlines() if line.startswith("!")}
    copies = re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+) \S+$", (ROOT / "Containerfile").read_text(), re.MULTILINE)
    sources = {source for line in copies for source in line.split()}
    assert sources == let_in
    assert all((ROOT / source).exists() for source in sources)


def test_the_image_runs_as_the_user_of_the_site() -> None:
    text = (ROOT / "Containerfile").read_text()
    user = re.search(r"^USER (\d+:\d+)$", text, re.MULTILINE)
    assert user and all(compose()["services"][name]["user"] == user[1] for name in OF_THE_SITE)
    assert "HEALTHCHECK" in text
