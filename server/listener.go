package server

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/time/rate"
)

const (
	maxConnections = 100_000
	minConnections = 64
	// outOfFilesEvery is how often the log says that connections cannot be accepted: net/http tries it again once a
	// second.
	outOfFilesEvery = 30 * time.Second
)

// DefaultMaxConnections is half of the files that the process may have open: the other half is for the calls that
// it makes itself, to providers, endpoints and the database.
func DefaultMaxConnections() int {
	return int(min(max(openFiles()/2, minConnections), maxConnections))
}

// boundedListener limits the number of open connections. Further connections wait to be accepted. It is not
// golang.org/x/net/netutil's LimitListener because the connections of that have no CloseWrite.
type boundedListener struct {
	net.Listener
	places     chan struct{}
	closed     chan struct{}
	close      func() error
	log        *slog.Logger
	outOfFiles rate.Sometimes
}

func limitConnections(l net.Listener, most int, log *slog.Logger) *boundedListener {
	b := &boundedListener{Listener: l, places: make(chan struct{}, most), closed: make(chan struct{}), log: log,
		outOfFiles: rate.Sometimes{Interval: outOfFilesEvery}}
	b.close = sync.OnceValue(func() error {
		close(b.closed)
		return l.Close()
	})
	return b
}

// Accept waits until there are fewer connections than the limit, and then for the next one.
func (b *boundedListener) Accept() (net.Conn, error) {
	select {
	case b.places <- struct{}{}:
	case <-b.closed:
		return nil, net.ErrClosed
	}
	c, err := b.Listener.Accept()
	if err != nil {
		<-b.places
		b.note(err)
		return nil, err
	}
	return &boundedConn{c, sync.OnceFunc(func() { <-b.places })}, nil
}

// note logs that the process or the system is out of files: callers cannot be told. net/http handles other errors.
func (b *boundedListener) note(err error) {
	if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) {
		return
	}
	b.outOfFiles.Do(func() {
		b.log.Error("no connection can be accepted, because too many files are open: "+
			"raise LimitNOFILE (systemd) or ulimit -n; "+
			"if it is the system that is out of files, fs.file-max",
			slog.Uint64("limit", openFiles()), slog.Any("error", err))
	})
}

func (b *boundedListener) Close() error { return b.close() }

// boundedConn makes room for another connection when it is closed.
type boundedConn struct {
	net.Conn
	release func()
}

func (c *boundedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// CloseWrite ends the answer while the caller may still be sending. Without it, the caller would see a reset in
// place of the answer.
func (c *boundedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
