#!/usr/bin/env bash
# Runs every test, from nothing but python3 with venv: makes .venv, installs what the tests need,
# gets the real services where it may, and ends with pytest's own closing line.
#
#   tests/run.sh [ARGUMENTS OF PYTEST]     CI=true turns a missing service into a failure
#   tests/run.sh --prepare                 everything but the tests
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The tests have homes of their own; nothing of the caller's may reach them.
for name in ${!DEVVAULT_@} PYTHONPATH PYTHONHOME; do
    unset "$name"
done

if [[ ! -x .venv/bin/python ]]; then
    python=${PYTHON:-python3}
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        echo "tests/run.sh: Python 3.11 or newer is needed; PYTHON=/path/to/python names one" >&2
        exit 2
    fi
    "$python" -m venv .venv
fi

# Anew whenever the list of dependencies changes.
stamp=".venv/installed-$(cksum <pyproject.toml | tr ' ' '-')"
if [[ ! -e $stamp ]]; then
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
    # pre-commit installs a clone of this project by itself; its test gives it these, and no index.
    rm -rf .venv/wheelhouse
    .venv/bin/python -m pip download --quiet --disable-pip-version-check --dest .venv/wheelhouse \
        . 'hatchling>=1.27'
    rm -f .venv/installed-* .venv/wheelhouse/devvault-*
    touch "$stamp"
fi

# The keyring tests talk to a real gnome-keyring on a bus of their own; completion to real shells;
# programs of other languages to our vaults.
missing=()
for pair in curl:curl node:nodejs npm:npm openssl:openssl dbus-daemon:dbus gnome-keyring-daemon:gnome-keyring gdbus:libglib2.0-bin \
    secret-tool:libsecret-tools git:git zsh:zsh fish:fish strace:strace; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
done
if ((${#missing[@]})) && [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    echo "tests/run.sh: installing ${missing[*]}" >&2
    export DEBIAN_FRONTEND=noninteractive
    if ! { apt-get -qq update && apt-get -qq -y install --no-install-recommends "${missing[@]}"; } \
        >&2 </dev/null; then
        echo "tests/run.sh: could not install them; the tests that need them say so" >&2
    fi
elif ((${#missing[@]})); then
    echo "tests/run.sh: not installed: ${missing[*]}; the tests that need them say so" >&2
fi

# Azure's own packages for Node, as an app has them; the last ones for Node 18 where that is it.
if command -v npm >/dev/null && [[ ! -e .venv/node/installed-1 ]]; then
    packages=(@azure/identity@4 @azure/keyvault-secrets@4)
    if ! node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)'; then
        packages=(@azure/identity@4.10.0 @azure/keyvault-secrets@4.10.0)
    fi
    if npm install --silent --no-audit --no-fund --no-save --prefix .venv/node "${packages[@]}" \
        >&2 </dev/null; then
        touch .venv/node/installed-1
    else
        echo "tests/run.sh: npm could not install Azure's packages; their tests say so" >&2
    fi
fi

if [[ ${1-} == --prepare ]]; then
    exit 0
fi
exec .venv/bin/python -m pytest -n 2 "$@"
