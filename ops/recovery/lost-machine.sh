#!/bin/sh
# Brings the server up on a machine that has nothing but the program and a backup.
# Usage: lost-machine.sh [backup]    an archive, an id in BACKUP_DIR, or `latest` (default): the newest in BACKUP_DIR or BACKUP_S3_URL
# Environment: the server's settings (DATA_DIR, BACKUP_DIR, BACKUP_PASSPHRASE, …), ERPFTS_STOP, ERPFTS_START.
set -eu
. "$(dirname "$0")/common.sh"
backup=${1:-latest}

stop_server || true
echo "== restore $backup; whatever lies in DATA_DIR is set aside"
erpfts restore "$backup" --yes
start_server
compare_stores
