"""Where packages are fetched from, told to pip and to uv alike: by pip's settings, and by uv's own where it has some.

pip's settings come from its files and from PIP_* variables; pip itself reads them, so all that it knows of files and
their order holds. uv reads none of them. Any other setting of either (a target folder, constraints, a user's install)
would change what is installed, or where, and is kept from them.
"""

import ast
import math
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

#: The settings of pip that say where to fetch from, and how.
PIP_SETTINGS: tuple[str, ...] = (
    "index-url",
    "extra-index-url",
    "find-links",
    "no-index",
    "trusted-host",
    "cert",
    "client-cert",
    "proxy",
)
PIP_SETTINGS += ("timeout", "retries", "keyring-provider", "no-cache-dir")
ALIASES = {"pypi-url": "index-url", "default-timeout": "timeout"}
#: Of two sections with the same setting the later one counts; the last are the variables.
SECTIONS = ("global", "install", ":env:")
#: The variables of uv that say the same, and those of its cache, by how they begin.
UV_SETTINGS: tuple[str, ...] = (
    *("UV_DEFAULT_INDEX", "UV_INDEX", "UV_EXTRA_INDEX", "UV_FIND_LINKS", "UV_INSECURE_HOST", "UV_HTTP_"),
    *("UV_REQUEST_TIMEOUT", "UV_KEYRING_PROVIDER", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS", "UV_CREDENTIALS_DIR"),
    *("UV_CACHE_DIR", "UV_NO_CACHE", "UV_LINK_MODE", "UV_CONCURRENT_", "UV_OFFLINE"),
)
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


def read_pip_settings(python: Path) -> dict[str, str] | None:
    """The settings in force, as pip tells them: option name to text, the names of PIP_SETTINGS only. None where this
    Python or its pip does not run."""
    command = [str(python), "-I", "-m", "pip", "config", "list"]
    # A variable comes before a file: none may have this very command say nothing, or look into one file only.
    told_all = dict.fromkeys(("PIP_USER", "PIP_GLOBAL", "PIP_SITE", "PIP_QUIET", "PIP_VERBOSE"), "0")
    try:
        ran = subprocess.run(
            command, env=os.environ | told_all, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_pip_settings(ran.stdout)


def parse_pip_settings(told: str) -> dict[str, str]:
    """From the lines of `pip config list`: `section.option='text'`."""
    found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in told.splitlines():
        name, _, text = line.partition("=")
        section, _, option = name.rpartition(".")
        option = ALIASES.get(option, option)
        if section in found and option in PIP_SETTINGS and (value := str(ast.literal_eval(text)).strip()):
            found[section][option] = value
    return {option: value for section in SECTIONS for option, value in found[section].items()}


def pip_environment(environment: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """The environment for pip: these settings, and no other."""
    kept = {name: value for name, value in environment.items() if not name.startswith("PIP_")}
    given = {f"PIP_{option.upper().replace('-', '_')}": value for option, value in settings.items()}
    return {**kept, **given, "PIP_CONFIG_FILE": os.devnull}


def uv_environment(environment: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """The environment for uv: pip's settings in uv's variables, unless these are set. It fetches no Python."""
    made = {name: value for name, value in environment.items() if not name.startswith("UV_")}
    own = {name: value for name, value in environment.items() if name.startswith(UV_SETTINGS) and value}
    for option, (names, translate) in TRANSLATED.items():
        if option in settings and not own.keys() & set(names):
            made[names[0]] = translate(settings[option])
    if "proxy" in settings:
        made.update(dict.fromkeys(PROXIES, settings["proxy"]))
    certificates = settings.get("cert") or made.get("SSL_CERT_FILE")
    certificates = certificates or made.get("REQUESTS_CA_BUNDLE") or made.get("CURL_CA_BUNDLE")
    if certificates:
        path = os.path.expanduser(certificates)
        made["SSL_CERT_DIR" if os.path.isdir(path) else "SSL_CERT_FILE"] = path
    # As pip does, uv looks at all indexes; which file may be taken is a matter of its hash.
    made["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return {**made, **own, "UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}


def uv_flags(settings: Mapping[str, str]) -> list[str]:
    """For what uv has no variable."""
    return ["--no-index"] if _is_true(settings.get("no-index", "")) else []


def _is_true(text: str) -> bool:
    return text.lower() in ("1", "true", "t", "yes", "y", "on")


def _words(text: str) -> str:
    return " ".join(text.split())


def _places(text: str) -> str:
    """Of folders only those that are there: pip passes over the others, to uv they are an error."""
    paths = [place if ":" in place else os.path.abspath(os.path.expanduser(place)) for place in text.split()]
    return ",".join(place for place in paths if ":" in place or os.path.exists(place))


#: Option of pip -> the variables of uv that say the same, of which one is set, and how.
TRANSLATED: dict[str, tuple[tuple[str, ...], Callable[[str], str]]] = {
    "index-url": (("UV_DEFAULT_INDEX", "UV_INDEX_URL"), str),
    "extra-index-url": (("UV_EXTRA_INDEX_URL", "UV_INDEX"), _words),
    "find-links": (("UV_FIND_LINKS",), _places),
    "trusted-host": (("UV_INSECURE_HOST",), _words),
    "client-cert": (("SSL_CLIENT_CERT",), os.path.expanduser),
    "timeout": (("UV_HTTP_TIMEOUT", "UV_REQUEST_TIMEOUT"), lambda text: str(math.ceil(float(text)))),
    "retries": (("UV_HTTP_RETRIES",), str),
    "keyring-provider": (("UV_KEYRING_PROVIDER",), lambda text: text if text == "subprocess" else "disabled"),
    "no-cache-dir": (("UV_NO_CACHE",), lambda text: "1" if _is_true(text) else "0"),
}
