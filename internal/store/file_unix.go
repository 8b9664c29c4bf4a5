//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package store

import (
	"errors"
	"io"
	"io/fs"
	"runtime"
	"syscall"
)

// setLock is fcntl's F_OFD_SETLK, on the systems that have it. Unlike SQLite's own locks such a lock belongs to the
// open file and not to the process, and unlike flock's it is for some bytes and no others.
var setLock = map[string]int{"linux": 37, "darwin": 90}[runtime.GOOS]

// servingByte is what the gateway locks: a byte far behind the end of any database. SQLite's locks are near 1 GiB.
const servingByte = 1 << 62

// lockServing reports whether no other process has the lock, and takes it until the file is closed. The lock is the
// file's, whichever of its names it was opened by. Where there is no such lock it reports true.
func (f *file) lockServing() (bool, error) {
	if setLock == 0 {
		return true, nil
	}
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart, Start: servingByte, Len: 1}
	err := syscall.FcntlFlock(f.Fd(), setLock, &lock)
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EACCES):
		return false, nil
	case errors.Is(err, syscall.EINVAL), errors.Is(err, errors.ErrUnsupported): // this file system has no such locks
		return true, nil
	}
	return err == nil, err
}

// countNames is how many names the file has.
func countNames(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Nlink)
	}
	return 1
}
