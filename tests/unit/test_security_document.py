"""docs/security.md says what the code does: limits, ways in, secrets, connections and tables."""

import ast
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from pydantic import SecretStr

from advisor.advice import yaml_json
from advisor.configuration import PREFIX, Configuration
from advisor.decisions import limits
from advisor.teams.services import accounts, api_keys, workspaces
from simulator.recordings import text as recorded_text

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = dict(
    re.findall(r"^## (\w+(?: \w+)?)\n(.*?)(?=^## |\Z)", (ROOT / "docs" / "security.md").read_text(), re.M | re.S)
)
OF_THE_PROGRAM = {
    "CELLS_A_PART", "ENDPOINT_HOST_LENGTH", "ENDPOINT_MODEL_LENGTH", "ERROR_LENGTH", "HEARTBEAT_S", "LEASE", "LONGEST_QUEUES",
    "LOOK_EVERY_S", "LOST_LEASES_ALLOWED", "PART_JOBS", "PROGRESS_EVERY_S", "PROPOSED_SWEEP_JOBS", "RECONCILE_EVERY_S",
    "SHARED_RUN_JOBS", "SO_FAR_EVERY_S", "TERMINAL_WRITE_PATIENCE_S",
}  # fmt: skip
"""How workers do their work; no user meets them."""


def rows(section: str) -> list[list[str]]:
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in SECTIONS[section].splitlines()
        if line.startswith("| ")
    ]
    return cells[2:]


def shown(name: str, value: object) -> str:
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        if seconds < 60:
            return f"{seconds} s"
        return f"{seconds // 60} min" if seconds < 3600 else f"{seconds // 3600} h"
    assert isinstance(value, int)
    return f"{value >> 20:,} MB" if name.endswith("_BYTES") else f"{value:,}"


def test_every_limit_is_documented_with_its_value() -> None:
    documented: set[str] = set()
    for _, values, names in rows("Limits"):
        listed = re.findall(r"`(\w+)`", names)
        module = limits if hasattr(limits, listed[0]) else workspaces
        assert values == ", ".join(shown(name, getattr(module, name)) for name in listed)
        documented |= {name for name in listed if module is limits}
    assert documented | OF_THE_PROGRAM == {name for name in vars(limits) if name.isupper()}


def test_the_sizes_of_files_are_documented() -> None:
    sizes = {kind: size for kind, _, size in rows("Files")}
    unpacked = recorded_text.LARGEST_UNPACKED_BYTES
    assert sizes == {
        "recording": f"{limits.TRACE_BYTES >> 20} MB, {unpacked >> 30} GB unpacked",
        "answer sheet": f"{yaml_json.LARGEST_BYTES >> 10} kB",
        "report, to start from": f"{yaml_json.LARGEST_REPORT_BYTES >> 20} MB",
    }


def views_that_sign_in() -> set[str]:
    """The names of views that call `login`, or are Django's views that do."""
    names = set()
    for path in (ROOT / "advisor" / "web" / "views").glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            called = {
                call.func.id
                for call in ast.walk(node)
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
            }
            if isinstance(node, ast.FunctionDef) and "login" in called:
                names.add(node.name)
            bases = (
                {base.id for base in node.bases if isinstance(base, ast.Name)}
                if isinstance(node, ast.ClassDef)
                else set()
            )
            if isinstance(node, ast.ClassDef) and bases & {"LoginView", "PasswordResetConfirmView"}:
                names.add(node.name)
    return names


def test_every_way_in_is_documented() -> None:
    from advisor.web.urls import urlpatterns

    views = {
        pattern.name: getattr(pattern.callback, "view_class", pattern.callback).__name__ for pattern in urlpatterns
    }
    documented = {name for _, address, _ in rows("Ways in") for name in re.findall(r"`([\w-]+)`", address)}
    assert {views[name] for name in documented} == views_that_sign_in()


def test_the_lifetimes_are_documented() -> None:
    text = SECTIONS["Ways in"] + SECTIONS["Sessions"]
    default = Configuration.model_fields["session_days"].default
    assert f"{default} days after the sign-in (`CROSSOVER_SESSION_DAYS`)" in text
    assert Configuration.model_fields["session_idle_minutes"].default is None and "off by default" in text
    assert f"once, {accounts.PASSWORD_RESET_AGE // timedelta(hours=1)} h" in text
    assert f"once, {settings.PASSWORD_RESET_TIMEOUT // 3600} h" in text
    assert f"{min(workspaces.INVITATION_DAYS)} to {max(workspaces.INVITATION_DAYS)} days" in text
    first, second, last = api_keys.API_KEY_DAYS
    assert f"for {first}, {second} or {last} days" in text


def variable(name: str) -> str:
    field = Configuration.model_fields[name]
    return str(field.validation_alias or f"{PREFIX}{name.upper()}")


def test_every_secret_is_documented() -> None:
    secret = {name for name, field in Configuration.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert SecretStr and len(secret) >= 5
    named = set(re.findall(r"`([A-Z_]+)`", SECTIONS["Secrets"]))
    assert named == {variable(name) for name in {*secret, "metrics_token", "database_url", "redis_url"}}


def test_every_connection_is_documented() -> None:
    named = set(re.findall(r"`([A-Z_]+)`", SECTIONS["Connections"]))
    addresses = {name for name in Configuration.model_fields if name.endswith(("_url", "_issuer"))}
    assert named == {variable(name) for name in {*addresses, "trusted_proxies", "observable_redis"}}


def test_every_table_is_in_a_class_of_data() -> None:
    listed = [name for row in rows("Data") for name in row[1].split(", ")]
    models = [model.__name__ for app in ("teams", "decisions") for model in apps.get_app_config(app).get_models()]
    assert sorted(listed) == sorted(models)


def test_the_program_logs_to_standard_error_alone() -> None:
    handlers = settings.LOGGING["handlers"].values()
    assert {handler["class"] for handler in handlers} == {"logging.StreamHandler"}
    assert not any("stream" in handler for handler in handlers), "standard error is the default"


OURS = [path for folder in ("advisor", "core", "simulator") for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize(
    ("pattern", "instead"),
    [
        (r"\bshell=True\b|\bos\.(?:system|popen)\(", "no shell: start a process with a list of arguments"),
        (r"\b(?:md5|sha1)\b", "no hash that is broken: SHA-256"),
        (r"(?<![\w.])(?:eval|exec)\(|\bpickle\.loads?\(", "no code from data"),
    ],
)
def test_no_source_has(pattern: str, instead: str) -> None:
    offenders = [str(path.relative_to(ROOT)) for path in OURS if re.search(pattern, path.read_text())]
    assert offenders == [], instead


HARMLESS = re.compile(r"\b(?:const|let) \[[^=]*\]\s*=(?![=>])|\[\"[\w.]+\"\]")
"""Unpacking, and names that the script has itself."""
KEY_WRITTEN = re.compile(
    r"\]\s*(?:\*\*|\?\?|\|\||&&|[-+*/%|&^])?=(?![=>])|\b(?:__proto__|prototype|setPrototypeOf|Reflect\.set|Object\.assign)\b"
)
"""What can write to a property whose name is input, and so to a prototype."""


def writes_of(script: str) -> list[str]:
    return KEY_WRITTEN.findall(HARMLESS.sub("", script))


@pytest.mark.parametrize(
    "polluting",
    ["target[key] = value", "rows[names[0]] ??= []", "Object.assign(options, JSON.parse(text))", "a.__proto__.b = 1"],
)
def test_what_can_pollute_a_prototype_is_recognised(polluting: str) -> None:
    assert writes_of(polluting)
    assert not writes_of("const [first, last] = bounds; if (first[0] === last[0]) show(([one]) => one);")
    assert not writes_of('change["xaxis.range"] = [0, 1];')


def test_no_script_writes_to_a_property_whose_name_is_input() -> None:
    scripts = sorted((ROOT / "static" / "js").rglob("*.js"))
    assert len(scripts) > 10
    assert [script.name for script in scripts if writes_of(script.read_text())] == []


def test_no_secret_comes_from_a_generator_for_simulations() -> None:
    """`random` and numpy's generators can be predicted; accounts, links and pages have no use for them."""
    for folder in ("teams", "web", "server"):
        for path in (ROOT / "advisor" / folder).rglob("*.py"):
            imported = {
                name
                for node in ast.walk(ast.parse(path.read_text()))
                for name in (
                    [alias.name for alias in node.names]
                    if isinstance(node, ast.Import)
                    else [node.module or ""]
                    if isinstance(node, ast.ImportFrom)
                    else []
                )
            }
            assert not {name for name in imported if name == "random" or name.startswith("numpy.random")}, path
