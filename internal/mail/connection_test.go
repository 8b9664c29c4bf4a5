package mail_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"beckon/internal/mail"
)

// numbered is a mail that is told from others.
func numbered(i int) mail.Mail {
	m := some
	m.ID = fmt.Sprintf("evt_%d", i)
	return m
}

func TestSeveralMailsTakeOneConnection(t *testing.T) {
	for _, implicit := range []bool{false, true} {
		b, trusted := secured(t, implicit)
		s := b.server(t, map[bool]string{false: "smtp", true: "smtps"}[implicit]+"://ops:hunter22@")
		s.Trusted = trusted
		for i := range 5 {
			require.NoError(t, s.Send(t.Context(), numbered(i), patience))
		}
		connections, _, mails := b.counts()
		require.Equal(t, []int{1, 5}, []int{connections, mails})
		require.Equal(t, 1, b.logins)
		s.Close()
		require.Eventually(t, func() bool { _, open, _ := b.counts(); return open == 0 }, patience, time.Millisecond)
		require.NoError(t, s.Send(t.Context(), numbered(5), patience), "one under way at the end goes out")
		require.Eventually(t, func() bool { _, open, _ := b.counts(); return open == 0 }, patience, time.Millisecond)
	}
}

func TestManyMailsTakeFewConnections(t *testing.T) {
	b := newMailbox(t, nil, false)
	s := b.server(t, "smtp://")
	t.Cleanup(s.Close)
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() { require.NoError(t, s.Send(t.Context(), numbered(i), patience)) })
	}
	wg.Wait()
	connections, _, mails := b.counts()
	require.LessOrEqual(t, connections, 4)
	require.Equal(t, 40, mails)
}

func TestAConnectionWaitsForAWhileOnly(t *testing.T) {
	b := newMailbox(t, nil, false)
	s := b.server(t, "smtp://")
	s.IdleFor(time.Millisecond)
	require.NoError(t, s.Send(t.Context(), some, patience))
	require.Eventually(t, func() bool { _, open, _ := b.counts(); return open == 0 }, patience, time.Millisecond)
	require.NoError(t, s.Send(t.Context(), some, patience))
	connections, _, mails := b.counts()
	require.Equal(t, []int{2, 2}, []int{connections, mails})
}

// Servers end connections when they like: no mail is lost by that, and none comes twice.
func TestAServerThatClosesConnectionsLosesNoMail(t *testing.T) {
	for name, change := range map[string]func(*mailbox){
		"after a mail":          func(b *mailbox) { b.closeAfter = 1 },
		"after three":           func(b *mailbox) { b.closeAfter = 3 },
		"by 421 at the second":  func(b *mailbox) { b.busyAfter = 1 },
		"by 421 at the seventh": func(b *mailbox) { b.busyAfter = 6 },
	} {
		b := newMailbox(t, nil, false)
		change(b)
		s := b.server(t, "smtp://")
		t.Cleanup(s.Close)
		for i := range 8 {
			require.NoError(t, s.Send(t.Context(), numbered(i), patience), name)
		}
		connections, _, mails := b.counts()
		require.Equal(t, 8, mails, name)
		require.Greater(t, connections, 1, name)
	}
}

func TestARefusedMailLeavesTheConnection(t *testing.T) {
	b := newMailbox(t, nil, false)
	s := b.server(t, "smtp://")
	t.Cleanup(s.Close)
	refuse := func(e *smtp.SMTPError) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.refuses = e
	}
	require.NoError(t, s.Send(t.Context(), numbered(1), patience))
	refuse(&smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"})
	require.ErrorContains(t, s.Send(t.Context(), numbered(2), patience), "refused the mail for good (550)")
	refuse(nil)
	require.NoError(t, s.Send(t.Context(), numbered(3), patience))
	connections, _, mails := b.counts()
	require.Equal(t, []int{1, 2}, []int{connections, mails})
}

// The time of each mail is its own, and begins when it is sent.
func TestTheTimeOfAMailIsNotThatOfTheConnection(t *testing.T) {
	b := newMailbox(t, nil, false)
	s := b.server(t, "smtp://")
	t.Cleanup(s.Close)
	require.NoError(t, s.Send(t.Context(), numbered(1), patience))
	s.PassDeadlines()
	require.NoError(t, s.Send(t.Context(), numbered(2), patience))
	connections, _, _ := b.counts()
	require.Equal(t, 1, connections)
}
