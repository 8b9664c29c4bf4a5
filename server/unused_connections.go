package server

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// unusedConnections holds the connections on which no request has come yet. Browsers open some in advance. net/http
// waits for them when it shuts down, so they are closed before.
type unusedConnections struct {
	conns   sync.Map        // of net.Conn
	closing context.Context // once it has ended, new connections are closed at once
}

// track is an http.Server's ConnState.
func (u *unusedConnections) track(c net.Conn, state http.ConnState) {
	if state != http.StateNew {
		u.conns.Delete(c)
		return
	}
	u.conns.Store(c, nil)
	if u.closing.Err() != nil {
		_ = c.Close()
	}
}

// close closes all that there are.
func (u *unusedConnections) close() {
	u.conns.Range(func(c, _ any) bool {
		_ = c.(net.Conn).Close()
		return true
	})
}
