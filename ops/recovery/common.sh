# Shared by the recovery scripts: how the server is stopped, started and waited for. Read by `.`, not run.

root=$(cd "$(dirname "$0")/../.." && pwd)
erpfts() { node "$root/ops/bin/erpfts.cjs" "$@"; }

# Settings as in a file that systemd reads; those of the environment go first.
load_settings() {
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in [A-Z]*=*) ;; *) continue ;; esac
    name=${line%%=*} value=${line#*=}
    case $value in \"*\") value=${value#\"} value=${value%\"} ;; \'*\') value=${value#\'} value=${value%\'} ;; esac
    printenv "$name" >/dev/null || export "$name=$value"
  done <"$1"
}

# ERPFTS_STOP and ERPFTS_START are commands; without them, the systemd service is used where there is one, with its settings and as its user.
if [ -z "${ERPFTS_STOP:-}" ] || [ -z "${ERPFTS_START:-}" ]; then
  if command -v systemctl >/dev/null 2>&1 && systemctl cat erpfts.service >/dev/null 2>&1; then
    ERPFTS_STOP='systemctl stop erpfts'
    ERPFTS_START='systemctl start erpfts'
    settings=${ERPFTS_ENV_FILE:-/etc/erpfts.env}
    [ ! -f "$settings" ] || load_settings "$settings"
    export DATA_DIR="${DATA_DIR:-/var/lib/erpfts}"
    # What is written stays the service's own.
    if [ "$(id -u)" = 0 ] && id erpfts >/dev/null 2>&1; then
      erpfts() { runuser -u erpfts -- node "$root/ops/bin/erpfts.cjs" "$@"; }
    fi
  else
    echo 'Set ERPFTS_STOP and ERPFTS_START to the commands that stop and start the server.' >&2
    exit 2
  fi
fi

stop_server() {
  echo '== stop the server'
  # Whatever fails from here on: nothing has changed then, and the server is not left down.
  trap 'code=$?; [ "$code" -eq 0 ] || { echo "== nothing was restored: start the server again" >&2; sh -c "$ERPFTS_START" || true; }; exit "$code"' EXIT
  sh -c "$ERPFTS_STOP"
}

start_server() {
  echo '== start the server, and wait until it is well'
  trap - EXIT
  sh -c "$ERPFTS_START"
  tries=0
  until erpfts health >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ "$tries" -ge 30 ]; then
      echo 'The server does not get well: look at DATA_DIR/logs.' >&2
      exit 1
    fi
    sleep 2
  done
}

# The vector store is filled again from the database meanwhile.
compare_stores() {
  echo '== compare all stores with each other'
  tries=0
  until erpfts verify-data; do
    tries=$((tries + 1))
    [ "$tries" -lt 12 ] || exit 1
    sleep 5
  done
}
