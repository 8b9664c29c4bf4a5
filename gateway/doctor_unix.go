//go:build unix

package gateway

import (
	"golang.org/x/sys/unix"
)

// freeBytes is how much the disk of a folder can still hold.
func freeBytes(folder string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return 0, err
	}
	return uint64(s.Bavail) * uint64(s.Bsize), nil //nolint:unconvert // they have other types on other systems
}

// openFilesLimit is how many files the process may have open.
func openFilesLimit() (uint64, bool) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, false
	}
	return uint64(limit.Cur), true //nolint:unconvert // it has another type on other systems
}
