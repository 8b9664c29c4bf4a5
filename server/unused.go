package server

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// unused are the connections over which no request has come yet, as browsers keep some in reserve. When net/http shuts
// down it waits for them as if there were something to answer.
type unused struct {
	conns   sync.Map        // of net.Conn
	closing context.Context // when it has ended none is kept
}

// note is an http.Server's ConnState.
func (u *unused) note(c net.Conn, state http.ConnState) {
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
func (u *unused) close() {
	u.conns.Range(func(c, _ any) bool {
		_ = c.(net.Conn).Close()
		return true
	})
}
