#!/bin/sh
# Brings the server back when its database may be damaged: looks first, and restores only where it is.
# Usage: damaged-database.sh [backup]    id of a backup, an archive, or `latest` (default)
# Environment: the server's own settings (DATA_DIR, BACKUP_DIR, …), ERPFTS_STOP, ERPFTS_START.
set -eu
. "$(dirname "$0")/common.sh"
backup=${1:-latest}

stop_server
echo '== look at the database'
damage=0
found=$(erpfts --json check-database) || damage=$?
# What was found stands on its output; without that, nothing was looked at.
case $found in
*'"problems"'*) ;;
*)
  echo 'The database could not be looked at: nothing is restored.' >&2
  exit 1
  ;;
esac
if [ "$damage" -eq 0 ]; then
  echo 'The database is whole: nothing is restored.'
  start_server
  exit 0
fi
echo "== restore $backup; the damaged state is set aside"
erpfts restore "$backup" --yes
start_server
compare_stores
