package mail

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// The bounds of connections: how many there are at the same time, how long one waits for the next mail, how many
// mails one hands in, and how long a good-bye may take.
const (
	maxConnections = 4
	idleFor        = 15 * time.Second
	maxMails       = 100
	quitTimeout    = 5 * time.Second
)

// connections are those to one server. A connection is used by one mail at a time.
type connections struct {
	slots   chan struct{}
	idleFor time.Duration

	mu     sync.Mutex
	idle   []*connection // the one that was used last is the last
	closed bool
}

type connection struct {
	smtp   *smtp.Client
	mails  int
	expire *time.Timer
}

// enter waits until there may be another connection.
func (c *connections) enter(ctx context.Context) error {
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errBusy
	}
}

var errBusy = errors.New("all connections to the mail server are in use")

func (c *connections) leave() { <-c.slots }

// take returns a connection that waits for a mail; nil when there is none.
func (c *connections) take() *connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.idle) == 0 {
		return nil
	}
	last := c.idle[len(c.idle)-1]
	c.idle = c.idle[:len(c.idle)-1]
	last.expire.Stop()
	return last
}

// keep has a connection wait for another mail, within the bounds.
func (c *connections) keep(one *connection) {
	if one.mails++; one.mails >= maxMails || !c.add(one) {
		one.quit()
	}
}

func (c *connections) add(one *connection) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.idle = append(c.idle, one)
	one.expire = time.AfterFunc(c.idleFor, func() {
		if c.remove(one) {
			one.quit()
		}
	})
	return true
}

// remove reports whether the connection was still waiting.
func (c *connections) remove(one *connection) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.idle, one)
	if i >= 0 {
		c.idle = slices.Delete(c.idle, i, i+1)
	}
	return i >= 0
}

// close ends all connections that wait. Those in use end after their mail.
func (c *connections) close() {
	c.mu.Lock()
	idle := c.idle
	c.idle, c.closed = nil, true
	c.mu.Unlock()
	for _, one := range idle {
		one.expire.Stop()
		one.quit()
	}
}

func (one *connection) quit() {
	_ = one.smtp.UpdateDeadline(quitTimeout)
	if one.smtp.Quit() != nil {
		_ = one.smtp.Close()
	}
}

// hand gives a mail to the server, by a connection that is there or by a new one.
func (s *Server) hand(ctx context.Context, message *gomail.Msg, timeout time.Duration) error {
	if err := s.connections.enter(ctx); err != nil {
		return err
	}
	defer s.connections.leave()
	client, err := s.client(timeout)
	if err != nil {
		return err
	}
	for {
		one := s.connections.take()
		used := one != nil
		if !used {
			connected, err := client.DialToSMTPClientWithContext(ctx)
			if err != nil {
				return err
			}
			one = &connection{smtp: connected}
		}
		err := one.smtp.UpdateDeadline(timeout) // that of the mail before has passed
		if err == nil {
			err = client.SendWithSMTPClient(one.smtp, message)
		}
		switch {
		case message.IsDelivered() && err == nil, isRefusal(err):
			s.connections.keep(one)
			return err
		case message.IsDelivered(): // and what came after it failed
			_ = one.smtp.Close()
			return nil
		}
		_ = one.smtp.Close()
		if !used || !isUnsent(err) || ctx.Err() != nil {
			return err
		}
	}
}

// isRefusal reports whether the server refused a mail, and takes others.
func isRefusal(err error) bool {
	refused, ok := errors.AsType[*gomail.SendError](err)
	return ok && refused.ErrorCode() >= 400 && refused.ErrorCode() != serviceClosing &&
		(refused.Reason == gomail.ErrSMTPRcptTo || refused.Reason == gomail.ErrSMTPMailFrom)
}

const serviceClosing = 421 // RFC 5321, section 3.8

// isUnsent reports whether nothing of a mail has gone out, so that it may be handed in by another connection:
// servers close those that wait when they like.
func isUnsent(err error) bool {
	failed, ok := errors.AsType[*gomail.SendError](err)
	return !ok || failed.Reason != gomail.ErrWriteContent && failed.Reason != gomail.ErrSMTPDataClose
}
