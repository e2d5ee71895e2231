# Shared by the recovery scripts: how the server is stopped, started and waited for. Read by `.`, not run.

root=$(cd "$(dirname "$0")/../.." && pwd)
erpfts() { node "$root/ops/bin/erpfts.cjs" "$@"; }

# ERPFTS_STOP and ERPFTS_START are commands; without them, the systemd service or the compose file is used where there is one.
if [ -z "${ERPFTS_STOP:-}" ] || [ -z "${ERPFTS_START:-}" ]; then
  if command -v systemctl >/dev/null 2>&1 && systemctl cat erpfts.service >/dev/null 2>&1; then
    ERPFTS_STOP='systemctl stop erpfts'
    ERPFTS_START='systemctl start erpfts'
  else
    echo 'Set ERPFTS_STOP and ERPFTS_START to the commands that stop and start the server.' >&2
    exit 2
  fi
fi

stop_server() { echo '== stop the server'; sh -c "$ERPFTS_STOP"; }

start_server() {
  echo '== start the server, and wait until it is well'
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
