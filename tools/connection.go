package tools

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	maxParallel     = 256 // calls of one server at the same time; others wait
	steady          = 10 * time.Second
	firstDelay      = 100 * time.Millisecond
	longestDelay    = time.Minute
	longestWait     = 2 * time.Second // for the next attempt to connect; a call that would wait for longer fails
	listInterval    = time.Second     // between two readings of a list that changes all the time
	alivePatience   = 5 * time.Second
	maxNote         = 300 // bytes
	maxNotes        = 20
	linesPerSecond  = 5
	linesInOneBurst = 50
)

// connection is how Beckon stands with one server: a session at most that takes calls, which is opened when it is
// first needed and after each failure. mu guards all below it; the goroutines that wg counts end with base.
type connection struct {
	server  Server
	route   http.RoundTripper
	version string
	log     *slog.Logger
	clean   func(string) string // blacks its secrets out
	lines   *rate.Limiter       // of its standard error into the log
	slots   chan struct{}

	base context.Context // of all that is done for it
	end  context.CancelCauseFunc
	wg   sync.WaitGroup

	mu       sync.Mutex
	current  *session      // nil where none takes calls
	openedAt time.Time     // of current
	opening  chan struct{} // closed when an attempt to connect has ended; nil where there is none
	failure  error         // of the last attempt; nil after one that went well
	failures int           // in a row
	retryAt  time.Time
	listing  *listing // the last one; nil before the first
	listedAt time.Time
	stale    bool          // the server has said that its tools have changed since
	listings chan struct{} // closed when the reading of a list has ended; nil where there is none
	identity string        // what the server says that it is
	notes    []Note
	isOver   bool // the server is in force no more
}

// Note is something that has happened with a server, and that a person should know of.
type Note struct {
	At   time.Time
	Text string
}

var errOver = errors.New("the tool server has been changed or taken out of the configuration")

func newConnection(s Server, route http.RoundTripper, version string, log *slog.Logger) *connection {
	c := &connection{
		server: s, route: route, version: version, log: log.With("tool_server", s.ID), clean: s.cleaner(),
		lines: rate.NewLimiter(linesPerSecond, linesInOneBurst), slots: make(chan struct{}, maxParallel),
	}
	c.base, c.end = context.WithCancelCause(context.Background())
	return c
}

func (c *connection) timeout() time.Duration { return c.server.Timeout.Or(DefaultTimeout) }

// note keeps a sentence for whoever runs the gateway.
func (c *connection) note(format string, args ...any) {
	text := shorten(c.clean(fmt.Sprintf(format, args...)), 2*maxNote)
	c.log.Warn("tool server: " + text)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(text)
}

func (c *connection) keep(text string) {
	c.notes = append(c.notes, Note{time.Now(), text})
	c.notes = c.notes[max(0, len(c.notes)-maxNotes):]
}

// stderr passes a line of a program's standard error on to the log, if there are not too many of them.
func (c *connection) stderr(line string) {
	line = c.clean(line)
	if c.lines.Allow() {
		c.log.Info("tool server writes", "line", line)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep("stderr: " + shorten(line, maxNote))
}

// use returns a session that takes calls, and what gives it back. It opens one where there is none.
func (c *connection) use(ctx context.Context) (x *session, giveBack func(), err error) {
	for {
		c.mu.Lock()
		switch {
		case c.isOver:
			c.mu.Unlock()
			return nil, nil, errOver
		case c.current != nil:
			x = c.current
			x.inFlight++
			c.wg.Add(1)
			c.mu.Unlock()
			return x, func() { c.giveBack(x) }, nil
		case c.opening == nil:
			if wait := time.Until(c.retryAt); wait > longestWait {
				defer c.mu.Unlock()
				return nil, nil, fmt.Errorf("%w (the next attempt is in %s)", c.whyNot(), wait.Round(time.Second))
			}
			c.opening = make(chan struct{})
			c.wg.Go(c.open)
		}
		done := c.opening
		c.mu.Unlock()
		select {
		case <-done:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
		c.mu.Lock()
		err := c.failure
		c.mu.Unlock()
		if err != nil {
			return nil, nil, err
		}
	}
}

// whyNot says why nobody connects before the next attempt is due.
func (c *connection) whyNot() error {
	if c.failure != nil {
		return c.failure
	}
	return fmt.Errorf("the last sessions with the tool server %s have ended soon after they began", c.server.ID)
}

// giveBack counts a call down, and closes a session that takes no more when its last call has ended.
func (c *connection) giveBack(x *session) {
	defer c.wg.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	x.inFlight--
	c.closeIdle(x)
}

func (c *connection) closeIdle(x *session) {
	if x.isRetired && x.inFlight == 0 {
		c.wg.Go(func() { _ = x.Close() })
	}
}

// retire has a session take no more calls. Those under way go on; hasFailed has the next session wait where this
// one was young.
func (c *connection) retire(x *session, hasFailed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if x.isRetired {
		return
	}
	x.isRetired = true
	if c.current == x {
		c.current = nil
		if hasFailed && time.Since(c.openedAt) < steady {
			c.delay()
		} else {
			c.failures = 0
		}
	}
	c.closeIdle(x)
}

// delay has the next attempt wait, twice as long as the last one.
func (c *connection) delay() {
	c.retryAt = time.Now().Add(min(firstDelay<<min(c.failures, 20), longestDelay))
	c.failures++
}

// open makes an attempt to connect, once it may, and reads the list of tools.
func (c *connection) open() {
	ctx, cancel := context.WithTimeout(c.base, c.timeout())
	defer cancel()
	c.mu.Lock()
	wait := time.Until(c.retryAt)
	c.mu.Unlock()
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
	x, err := openSession(ctx, c.server, c.route, c.version, hooks{note: c.note, stderr: c.stderr, changed: c.changed})
	var list *listing
	if err == nil {
		if list, err = c.read(ctx, x); err != nil {
			c.wg.Go(func() { _ = x.Close() })
		}
	}
	if err != nil {
		err = c.describe(err, ctx)
		c.note("%v", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.opening)
	c.opening, c.failure = nil, err
	if err != nil {
		c.delay()
		return
	}
	c.current, c.openedAt, c.stale = x, time.Now(), false
	c.listing, c.listedAt, c.identity = list, time.Now(), identityOf(x, c.clean)
	c.wg.Go(func() { c.watch(x) })
	if c.isOver {
		c.current, x.isRetired = nil, true
		c.closeIdle(x)
	}
}

// describe says why there is no session, for people and without secrets.
func (c *connection) describe(err error, ctx context.Context) error {
	what := "cannot be reached"
	if c.server.IsProgram() {
		what = "cannot be used"
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("the tool server %s %s: it has not answered within %s", c.server.ID, what, c.timeout())
	}
	return fmt.Errorf("the tool server %s %s: %s", c.server.ID, what,
		shorten(c.clean(outcomeOf(err, false).why), maxWhy))
}

func identityOf(x *session, clean func(string) string) string {
	info := x.InitializeResult().ServerInfo
	if info == nil {
		return ""
	}
	return shorten(clean(info.Name+" "+info.Version), maxTitle)
}

// watch waits for the end of a session.
func (c *connection) watch(x *session) {
	err := x.Wait()
	c.mu.Lock()
	unexpected := !x.isRetired
	c.mu.Unlock()
	if unexpected {
		why := "the server has ended it"
		if err != nil {
			why = outcomeOf(err, false).why
		}
		c.note("the session was lost: %s", why)
	}
	c.retire(x, true)
}

// suspect finds out whether a server that has not answered a call in time still answers at all. If not, the next
// call gets a new session, and a program that hangs is ended when its last call is.
func (c *connection) suspect(x *session) {
	c.wg.Go(func() {
		ctx, cancel := context.WithTimeout(c.base, alivePatience)
		defer cancel()
		if !x.isAlive(ctx) && c.base.Err() == nil {
			c.note("it does not answer any more: the next call gets a new session")
			c.retire(x, true)
		}
	})
}

// read reads the list of a session's tools.
func (c *connection) read(ctx context.Context, x *session) (*listing, error) {
	tools, note, err := x.list(ctx)
	if err != nil {
		return nil, err
	}
	list := newListing(c.server.ID, tools, c.clean)
	if note != "" {
		list.leaveOut("%s", note)
	}
	return list, nil
}

// changed has the list read again, and not more often than each listInterval.
func (c *connection) changed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stale = true
	if c.listings == nil && c.current != nil && !c.isOver {
		c.listings = make(chan struct{})
		c.wg.Go(c.refresh)
	}
}

func (c *connection) refresh() {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() {
		close(c.listings)
		c.listings = nil
	}()
	for c.stale && c.current != nil && !c.isOver {
		x, wait := c.current, time.Until(c.listedAt.Add(listInterval))
		c.stale = false
		x.inFlight++
		c.mu.Unlock()
		ctx, cancel := context.WithTimeout(c.base, c.timeout())
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		list, err := c.read(ctx, x)
		cancel()
		if err != nil && c.base.Err() == nil {
			c.note("its tools have changed, and cannot be listed: %s", outcomeOf(err, false).why)
		}
		c.mu.Lock()
		x.inFlight--
		c.closeIdle(x)
		c.listedAt = time.Now()
		if err == nil {
			c.listing = list
		}
	}
}

// tools returns the listing that there is now. It opens a session where there is none.
func (c *connection) tools(ctx context.Context) *listing {
	_, giveBack, err := c.use(ctx)
	if err == nil {
		giveBack()
	}
	c.mu.Lock()
	reading := c.listings
	c.mu.Unlock()
	if reading != nil && err == nil {
		wait := time.NewTimer(2 * listInterval)
		defer wait.Stop()
		select {
		case <-reading:
		case <-ctx.Done():
		case <-wait.C:
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.listing
}

// leave ends the connection when its last call has ended.
func (c *connection) leave() {
	c.mu.Lock()
	c.isOver = true
	x := c.current
	c.mu.Unlock()
	if x != nil {
		c.retire(x, false)
	}
}

// close ends the connection and all that is under way.
func (c *connection) close() {
	c.leave()
	c.end(errOver)
	c.wg.Wait()
}
