#!/bin/sh
# Before the package is removed, and not upgraded: stops the gateway. Its data in /var/lib/beckon stays.
set -e
case "$1" in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now beckon.service
	fi
	;;
esac
