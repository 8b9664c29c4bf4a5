package egress

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

const (
	directMaxBody    = 256 << 10 // of a request: one that is longer may have to be read by its receiver while the answer is written
	directBufferSize = 4 << 10
)

// direct makes exchanges over HTTP/1.1 without TLS in the goroutine of its caller. net/http has two goroutines more for each
// connection, and hands each request and each answer from one to the next: a third of the processor time of a short exchange.
type direct struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)

	mu     sync.Mutex
	idle   map[string][]*line // by host and port; the one that was used last is at the end
	total  int                // of them all
	sweeps bool               // whether a timer is going to close those that are idle for too long
}

// line is a connection. One exchange at a time has it.
type line struct {
	net.Conn
	raw     syscall.RawConn // of Conn; nil where it has none
	address string
	reader  *bufio.Reader
	writer  *bufio.Writer
	left    int       // bytes that may be read: of an answer's header
	since   time.Time // when it became idle
}

var (
	errHeaderTooLong = errors.New("the header of the answer exceeded 256 KiB")
	errSwitched      = errors.New("the answer asks to switch to a protocol that nobody asked for")
)

// Read implements io.Reader for the reader of the line.
func (l *line) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errHeaderTooLong
	}
	n, err := l.Conn.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// takes reports whether a request is one for RoundTrip.
func (d *direct) takes(r *http.Request) bool {
	return r.URL.Scheme == "http" && (r.Body == nil || r.ContentLength > 0) && r.ContentLength <= directMaxBody && !r.Close &&
		len(r.TransferEncoding) == 0
}

// RoundTrip implements http.RoundTripper for requests that takes has looked at.
func (d *direct) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if r.Body != nil {
		defer r.Body.Close()
	}
	l, err := d.take(ctx, addressOf(r))
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = l.SetDeadline(time.Unix(1, 0)) }) // ends what waits for the connection
	response, err := l.exchange(r)
	if err != nil {
		stop()
		_ = l.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	body := &directBody{ReadCloser: response.Body, ctx: ctx, done: func(whole bool) {
		if stop() && whole && !response.Close && l.reader.Buffered() == 0 {
			d.put(l)
			return
		}
		_ = l.Close()
	}}
	if response.Body == http.NoBody {
		body.end(true)
		return response, nil
	}
	response.Body = body
	if response.Header.Get("Content-Encoding") == "gzip" { // nobody asked for it, but some servers always do
		response.Body = &unzipped{ReadCloser: body}
		response.Header.Del("Content-Encoding")
		response.Header.Del("Content-Length")
		response.ContentLength, response.Uncompressed = -1, true
	}
	return response, nil
}

func addressOf(r *http.Request) string {
	if r.URL.Port() != "" {
		return r.URL.Host
	}
	return net.JoinHostPort(r.URL.Hostname(), "80")
}

// exchange sends a request and reads the header of its answer. What informs (1xx) is passed over.
func (l *line) exchange(r *http.Request) (*http.Response, error) {
	l.left = maxHeaderBytes
	wrote := r.Write(l.writer)
	if wrote == nil {
		wrote = l.writer.Flush()
	}
	for { // also when not all could be written: a server that refuses a request may close the connection early, and say why
		response, err := http.ReadResponse(l.reader, r)
		switch {
		case err != nil && wrote != nil:
			return nil, wrote
		case err != nil:
			return nil, err
		case response.StatusCode == http.StatusSwitchingProtocols:
			return nil, errSwitched
		case response.StatusCode >= 200:
			response.Close = response.Close || wrote != nil
			l.left = 1<<63 - 1
			return response, nil
		}
	}
}

// take returns a connection that is idle, or a new one.
func (d *direct) take(ctx context.Context, address string) (*line, error) {
	for {
		l := d.pop(address)
		if l == nil {
			break
		}
		if time.Since(l.since) < idleTimeout && isOpen(l.raw) {
			return l, nil
		}
		_ = l.Close()
	}
	conn, err := d.dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	l := &line{Conn: conn, address: address, writer: bufio.NewWriterSize(conn, directBufferSize)}
	l.reader = bufio.NewReaderSize(l, directBufferSize)
	if c, ok := conn.(syscall.Conn); ok {
		if l.raw, err = c.SyscallConn(); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return l, nil
}

func (d *direct) pop(address string) *line {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.idle[address]
	if len(list) == 0 {
		return nil
	}
	l := list[len(list)-1]
	list[len(list)-1] = nil
	d.idle[address] = list[:len(list)-1]
	d.total--
	return l
}

// put keeps a connection for the next exchange, unless there are enough of them.
func (d *direct) put(l *line) {
	l.since = time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.idle[l.address]) >= idlePerHost || d.total >= idleTotal {
		_ = l.Close()
		return
	}
	if d.idle == nil {
		d.idle = map[string][]*line{}
	}
	d.idle[l.address] = append(d.idle[l.address], l)
	d.total++
	if !d.sweeps {
		d.sweeps = true
		time.AfterFunc(idleTimeout, d.sweep)
	}
}

// sweep closes the connections that have been idle for too long.
func (d *direct) sweep() {
	if d.close(time.Now().Add(-idleTimeout)) > 0 {
		time.AfterFunc(idleTimeout, d.sweep)
	}
}

// close closes the connections that became idle before a time, and returns how many are left.
func (d *direct) close(before time.Time) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	for address, list := range d.idle {
		kept := 0
		for kept < len(list) && list[kept].since.Before(before) {
			_ = list[kept].Close()
			kept++
		}
		d.total -= kept
		if d.idle[address] = append([]*line(nil), list[kept:]...); kept == len(list) {
			delete(d.idle, address)
		}
	}
	d.sweeps = d.total > 0
	return d.total
}

// directBody is the body of an answer. When it has been read or closed, done is called once with whether all was read.
type directBody struct {
	io.ReadCloser
	ctx  context.Context
	done func(whole bool)
}

func (b *directBody) end(whole bool) {
	if b.done != nil {
		b.done(whole)
		b.done = nil
	}
}

// Read implements io.Reader.
func (b *directBody) Read(p []byte) (int, error) {
	if b.done == nil {
		return 0, io.EOF
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end(err == io.EOF)
		if err != io.EOF && b.ctx.Err() != nil {
			err = context.Cause(b.ctx)
		}
	}
	return n, err
}

// Close implements io.Closer. A body that was not read to its end takes its connection along: the rest may be of any length.
func (b *directBody) Close() error {
	b.end(false)
	return nil
}

// unzipped is the body of an answer that came compressed.
type unzipped struct {
	io.ReadCloser
	reader *gzip.Reader
}

// Read implements io.Reader.
func (u *unzipped) Read(p []byte) (int, error) {
	if u.reader == nil {
		reader, err := gzip.NewReader(u.ReadCloser)
		if err != nil {
			return 0, err
		}
		u.reader = reader
	}
	return u.reader.Read(p)
}
