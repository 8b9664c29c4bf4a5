#!/bin/sh
# After an installation or an upgrade: makes the user, and restarts a gateway that runs.
set -e
if [ -d /run/systemd/system ]; then
	systemd-sysusers beckon.conf
	systemctl daemon-reload
	systemctl try-restart beckon.service
elif ! getent passwd beckon >/dev/null; then
	useradd --system --home-dir /var/lib/beckon --no-create-home --shell /usr/sbin/nologin beckon
fi
chown root:beckon /etc/beckon/config.yaml
chmod 0640 /etc/beckon/config.yaml
chmod 0600 /etc/beckon/environment
