package crash_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
)

// mailbox is an SMTP server that does not answer its first mail until it is released. It keeps the Message-IDs of the mails about each form.
type mailbox struct {
	address  string
	holding  chan struct{} // a mail is there, and nobody knows
	released chan struct{}

	mu    sync.Mutex
	mails map[string]map[string]bool
}

func newMailbox(t testing.TB) *mailbox {
	b := &mailbox{holding: make(chan struct{}), released: make(chan struct{}), mails: map[string]map[string]bool{}}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return b, nil }))
	server.Domain = "localhost"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b.address = l.Addr().String()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return b
}

func (*mailbox) Mail(string, *smtp.MailOptions) error { return nil }
func (*mailbox) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (*mailbox) Reset()                               {}
func (*mailbox) Logout() error                        { return nil }

var (
	aboutForm = regexp.MustCompile(`message: (Form \d)`)
	messageID = regexp.MustCompile(`(?i)message-id: (\S+)`)
)

// Data implements smtp.Session.
func (b *mailbox) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	form, id := aboutForm.FindSubmatch(text), messageID.FindSubmatch(text)
	if err != nil || form == nil || id == nil {
		return fmt.Errorf("it is no mail about a form: %w", err)
	}
	b.mu.Lock()
	first := len(b.mails) == 0
	if b.mails[string(form[1])] == nil {
		b.mails[string(form[1])] = map[string]bool{}
	}
	b.mails[string(form[1])][string(id[1])] = true
	b.mu.Unlock()
	if first {
		close(b.holding)
		<-b.released
	}
	return nil
}

func (b *mailbox) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.mails)
}

// A kill -9 on the way from a form to its mail: while the model is asked, while the mail server has a mail and has not said so, and while
// others are made, sent and recorded. Each accepted form has its mail, and one that came twice has the same Message-ID.
func TestKilledBetweenAFormAndItsMail(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, database string) {
		p, box := newPlant(t, database), newMailbox(t)
		config, err := os.ReadFile(p.config)
		require.NoError(t, err)
		text := strings.Replace(string(config), "clients: [",
			"clients: [{id: contact, source: form, allowedAgents: [one-retried], form: {key: pk_northwindcontact2026, origins: [\"https://acme.example\"]}}, ", 1) +
			fmt.Sprintf("smtp: {url: \"smtp://%s\", from: \"beckon@example.com\"}\nendpoints: [{id: owner, format: email, url: \"mailto:owner@example.com\", clients: [contact], retry: [100ms, 100ms, 100ms]}]\n", box.address)
		require.NoError(t, os.WriteFile(p.config, []byte(text), 0o600))
		const forms = 3

		release := p.model.hold("one")
		g := p.start()
		for i := range forms {
			answer, err := web.PostForm(g.url+"/f/pk_northwindcontact2026", url.Values{"message": {fmt.Sprintf("Form %d", i)}})
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			require.Equal(t, http.StatusOK, answer.StatusCode)
		}
		require.Eventually(t, func() bool {
			p.model.mu.Lock()
			defer p.model.mu.Unlock()
			return len(p.model.asked) > 0
		}, patience, 20*time.Millisecond)
		g.kill() // while the model is asked
		release()

		g = p.start()
		select {
		case <-box.holding:
		case <-time.After(patience):
			require.Fail(t, "no mail came", g.log.String())
		}
		g.kill() // while the mail server has a mail and has not said so
		close(box.released)

		g = p.start()
		require.Eventually(t, func() bool { return box.count() > forms/2 }, patience, 5*time.Millisecond, "few forms have a mail")
		g.kill() // while others are made, sent and recorded

		p.start()
		require.Eventually(t, func() bool { return box.count() == forms }, patience, 20*time.Millisecond, "some forms have no mail")
		box.mu.Lock()
		defer box.mu.Unlock()
		for form, ids := range box.mails {
			require.Len(t, ids, 1, form)
		}
	})
}
