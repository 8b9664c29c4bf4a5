//go:build unix

package egress

import "syscall"

// isOpen reports whether an idle connection is still of use: a server that has closed it, or has sent something
// that nobody asked for, is found without waiting.
func isOpen(raw syscall.RawConn) bool {
	if raw == nil {
		return true
	}
	open := false
	err := raw.Read(func(fd uintptr) bool {
		var one [1]byte
		_, err := syscall.Read(int(fd), one[:]) // connections of net never block
		open = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
		return true
	})
	return err == nil && open
}
