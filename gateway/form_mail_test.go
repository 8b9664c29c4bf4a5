package gateway

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"net/url"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

// letters is an SMTP server, which hands on what it takes.
type letters chan string

func newLetters(t *testing.T) (letters, string) {
	taken := make(letters, 10)
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return taken, nil }))
	server.Domain = "localhost"
	l := listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return taken, l.Addr().String()
}

func (letters) Mail(string, *smtp.MailOptions) error { return nil }
func (letters) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (letters) Reset()                               {}
func (letters) Logout() error                        { return nil }

func (l letters) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	l <- string(text)
	return err
}

// letter is a mail, read as its recipient's program does.
type letter struct {
	subject, replyTo, plain, html string
	header                        mail.Header
}

func (l letters) next(t *testing.T) (m letter) {
	message, err := mail.ReadMessage(strings.NewReader(<-l))
	require.NoError(t, err)
	m.header, m.replyTo = message.Header, message.Header.Get("Reply-To")
	m.subject, err = new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	require.NoError(t, err)
	_, parameters, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	require.NoError(t, err)
	parts := multipart.NewReader(message.Body, parameters["boundary"])
	for _, text := range []*string{&m.plain, &m.html} {
		part, err := parts.NextRawPart()
		require.NoError(t, err)
		require.Equal(t, "quoted-printable", part.Header.Get("Content-Transfer-Encoding"))
		all, err := io.ReadAll(quotedprintable.NewReader(part))
		require.NoError(t, err)
		*text = strings.ReplaceAll(string(all), "\r\n", "\n")
	}
	return m
}

const formMailFile = `
database: {url: %q}
server: {publicURL: "https://beckon.example.com"}
smtp: {url: "smtp://%s", from: "Beckon <beckon@example.com>"}
providers:
  - {id: says, type: template, template: '{"category":"sales","score":7,"draft":"Dear Ada,\n\nyes, **we do**."}'}
  - {id: writes, type: template, template: "Category: spam"}
agents: [{id: clerk, provider: says}, {id: writer, provider: writes}]
clients:
  - {id: contact, name: Northwind Studio, source: form, allowedAgents: [clerk], form: {key: pk_northwindcontact2026, origins: ["https://acme.example"],
      fields: {from: {type: email}, subject: {}, message: {required: true}, phone: {type: tel}}}}
  - {id: any, source: form, allowedAgents: [writer], form: {key: pk_anythingcontact2026, origins: ["https://acme.example"]}}
endpoints:
  - {id: owner, format: email, url: "mailto:owner@example.com"}
  - {id: desk, format: email, url: "mailto:desk@example.com", clients: [contact], subject: '{{ (fromJson .data.output).category }}: {{ .run.event.labels.from }} {{ .metadata.form.subject }}',
     replyTo: '{{ .metadata.form.subject }} <{{ .metadata.form.from }}>'}
`

func sendForm(t *testing.T, s *started, key string, fields url.Values) {
	r, err := s.client.PostForm(s.url+"/f/"+key, fields)
	require.NoError(t, err)
	defer r.Body.Close()
	body, _ := io.ReadAll(r.Body)
	require.Equal(t, http.StatusOK, r.StatusCode, "%s", body)
}

// The owner of a form answers the visitor with the reply button, and sees what they wrote, and what the agent made of it.
func TestAMailOfAForm(t *testing.T) {
	box, address := newLetters(t)
	s := start(t, load(t, fmt.Sprintf(formMailFile, sqliteIn(t.TempDir()), address)))
	sendForm(t, s, "pk_northwindcontact2026", url.Values{"from": {"ada@example.org"}, "subject": {"A shed\r\nBcc: all@example.com"}, "message": {"Do you build sheds?\n<img src=x> @all"}})
	byRecipient := map[string]letter{}
	for range 2 {
		m := box.next(t)
		byRecipient[m.header.Get("To")] = m
	}
	m := byRecipient["<owner@example.com>"]
	require.Equal(t, "Northwind Studio: A shed", m.subject)
	require.Equal(t, "<ada@example.org>", m.replyTo)
	require.Empty(t, m.header.Get("Bcc"))
	require.True(t, strings.HasPrefix(m.plain, "Northwind Studio: A shed\n\nfrom: ada@example.org\nmessage:\n  Do you build sheds?\n  <img src=x> ＠all\n"+
		"subject:\n  A shed\n  Bcc: all@example.com\n\nAnswer of clerk:\n\ncategory: sales\n\nscore: 7\n\ndraft\n\nDear Ada,\n\nyes, we do.\n"), m.plain)
	for _, part := range []string{`<th style="text-align:left;vertical-align:top;padding:2px 12px 2px 0">message</th>`, "Do you build sheds?\n&lt;img src=x&gt; @all</td>",
		"<strong>category:</strong> sales", "<p>yes, <strong>we do</strong>.</p>", "/admin/runs/run_"} {
		require.Contains(t, m.html, part)
	}
	require.NotContains(t, m.html, "<img")
	m = byRecipient["<desk@example.com>"]
	require.Equal(t, "sales: ada@example.org A shed Bcc: all@example.com", m.subject)
	require.Empty(t, m.replyTo, "which would have had a line end in it")

	sendForm(t, s, "pk_anythingcontact2026", url.Values{"email": {"bob@example.org"}, "message": {strings.Repeat("long ", 1900)}, "more": {strings.Repeat("more ", 1900)}, "first": {"Bob"}})
	m = box.next(t)
	require.Equal(t, "any: message from bob@example.org", m.subject)
	require.Equal(t, "<bob@example.org>", m.replyTo)
	require.Contains(t, m.plain, "Category: spam")
	require.Contains(t, m.plain, "long long long")
	require.Contains(t, m.plain, "more more more")
	require.Contains(t, m.plain, "first: Bob", "a long field leaves room for the others")
	require.Less(t, len(m.plain), 20_000)
}

// Whatever a visitor types as their address, an answer goes to one address, which is shown as it is.
func TestAddressesOfVisitorsInMails(t *testing.T) {
	box, address := newLetters(t)
	s := start(t, load(t, fmt.Sprintf(formMailFile, sqliteIn(t.TempDir()), address)))
	for typed, replyTo := range map[string]string{
		" ada@example.org ":                        "<ada@example.org>",
		"ada+shed@sub.example.org":                 "<ada+shed@sub.example.org>",
		"ada@example.org, eve@example.org":         "",
		"ada@example.org\r\nBcc: eve@example.org":  "",
		"ada@example.org\nX: y":                    "",
		`"owner@example.com" <eve@example.org>`:    "",
		"Owner <eve@example.org>":                  "",
		`"owner@example.com"@example.org`:          "",
		"group: ada@example.org;":                  "",
		"ada@example.org (owner)":                  "",
		"аda@example.org":                          "", // a letter of another alphabet
		"ada@exam\u200bple.org":                    "",
		"ada@localhost":                            "",
		"mailto:ada@example.org":                   "",
		"=?utf-8?q?owner=40example.com?=@evil.org": "",
		"": "",
	} {
		sendForm(t, s, "pk_anythingcontact2026", url.Values{"email": {typed}, "message": {"Hi"}})
		m := box.next(t)
		require.Equal(t, replyTo, m.replyTo, "%q", typed)
		require.Empty(t, m.header.Get("Bcc"), "%q", typed)
		require.Len(t, m.header["To"], 1)
	}
}
