//go:build unix

package egress

import (
	"net"
	"syscall"
)

// isOpen reports whether an idle connection is still of use: a server that has closed it, or has sent something
// that nobody asked for, is found without waiting.
func isOpen(c net.Conn) bool {
	conn, ok := c.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	open := false
	err = raw.Read(func(fd uintptr) bool {
		var one [1]byte
		_, err := syscall.Read(int(fd), one[:]) // connections of net never block
		open = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
		return true
	})
	return err == nil && open
}
