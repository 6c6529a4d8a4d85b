#!/bin/sh
# A backup of the whole database in pg_dump's own format, and a line about it for the admin.
#
#   BACKUP_DIRECTORY=/backups PGHOST=… PGUSER=… PGPASSWORD=… PGDATABASE=… sh backup.sh [nightly]
#
# The role is the owner's, since the application's may not read everything. With `nightly` it goes
# on for ever: at once, unless there is one of the last day, and then at BACKUP_HOUR (UTC; 2). What
# is older than BACKUP_KEEP_DAYS (14) is deleted once there is a newer one.
# docs/runbooks/backups.md says how to restore one.
set -eu
umask 077
: "${BACKUP_DIRECTORY:?where to write backups}"

backup() {
    began_at=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    file=$BACKUP_DIRECTORY/quizarena-$(date -u +%Y%m%dT%H%M%SZ).dump
    # Half a backup never has the name of one, and does not take the room of the next.
    if ! pg_dump --no-password --format=custom --file="$file.part" ||
        ! pg_restore --list "$file.part" > /dev/null; then
        rm -f "$file.part"
        return 1
    fi
    mv "$file.part" "$file"
    psql --no-password --no-psqlrc --quiet --set=ON_ERROR_STOP=1 \
        --set=began_at="$began_at" --set=size="$(wc -c < "$file")" --set=note="$(basename "$file")" <<'SQL' || return
INSERT INTO ops_backup (kind, began_at, recorded_at, size, note)
VALUES ('BACKUP', :'began_at', clock_timestamp(), :'size', :'note');
SQL
    find "$BACKUP_DIRECTORY" -maxdepth 1 -name 'quizarena-*.dump' -mtime "+${BACKUP_KEEP_DAYS:-14}" -delete
    find "$BACKUP_DIRECTORY" -maxdepth 1 -name 'quizarena-*.dump.part' -mtime +1 -delete
    echo "$file: made and recorded."
}

if [ "${1:-}" != nightly ]; then
    backup
    exit
fi
if [ -z "$(find "$BACKUP_DIRECTORY" -maxdepth 1 -name 'quizarena-*.dump' -mmin -1440)" ]; then
    backup || echo "No backup: see above." >&2
fi
# Without its zero: 08 is no octal number.
hour=${BACKUP_HOUR:-2}
hour=${hour#0}
while :; do
    now=$(date -u +%s)
    next=$(((now / 86400) * 86400 + ${hour:-0} * 3600))
    [ "$next" -gt "$now" ] || next=$((next + 86400))
    sleep $((next - now)) &
    # A signal ends the wait at once, but not a sleep in front.
    wait $!
    # One that fails is missed by the alert about old backups; the next night tries again.
    backup || echo "No backup tonight: see above." >&2
done
