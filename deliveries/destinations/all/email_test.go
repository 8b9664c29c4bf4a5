package all_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"beckon/deliveries/destinations"
	"beckon/deliveries/destinations/all"
	"beckon/internal/render"
)

func openEmail(t *testing.T, s destinations.Settings) destinations.Receiver {
	r, found := all.Destinations.Named("email").Open(s)
	require.Empty(t, found)
	return r
}

func TestMails(t *testing.T) {
	r := openEmail(t, destinations.Settings{URL: "mailto:ops@example.com,Ada <ada@example.com>"})
	for _, kind := range []string{"run.completed", "run.failed", "event.resolved"} {
		q, err := r.Request(message(kind))
		require.NoError(t, err)
		m := q.Mail
		written := "To: " + strings.Join(m.To, ", ") + "\nSubject: " + m.Subject + "\n\n" + m.Plain + "\n" + m.HTML
		golden := filepath.Join("testdata", "email-"+kind+".txt")
		if *update {
			require.NoError(t, os.WriteFile(golden, []byte(written), 0o644))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err, "write it with -update")
		require.Equal(t, string(want), written)
		for _, harm := range []string{"javascript:", "<img", "<script", "\u202e", "\u200b"} {
			require.NotContains(t, written, harm)
		}
	}
}

func TestSubjectAndReplyToOfAMail(t *testing.T) {
	r := openEmail(t, destinations.Settings{URL: "mailto:ops@example.com", Subject: "{{.subject}}", ReplyTo: "{{.from}}"})
	for _, tt := range []struct{ subject, from, wantSubject, wantFrom string }{
		{"Hello", "ada@example.org", "Hello", "ada@example.org"},
		{"a\r\nBcc: evil@example.com", "Ada <ada@example.org>", "a Bcc: evil@example.com", "ada@example.org"},
		{strings.Repeat("long ", 2000), "a@example.org, b@example.org", "", ""},
		{"", "a@example.org\r\nBcc: evil@example.com", "", ""},
		{"x", "nobody", "x", ""},
		{"x", "", "x", ""},
	} {
		m := message("run.completed")
		m.Data = func(*render.Template) (map[string]any, error) {
			return map[string]any{"subject": tt.subject, "from": tt.from}, nil
		}
		q, err := r.Request(m)
		require.NoError(t, err)
		require.LessOrEqual(t, utf8.RuneCountInString(q.Mail.Subject), 200)
		if tt.wantSubject != "" {
			require.Equal(t, tt.wantSubject, q.Mail.Subject)
		}
		require.NotContains(t, q.Mail.Subject, "\n")
		require.Equal(t, tt.wantFrom, q.Mail.ReplyTo)
	}
}

func TestRecipientsOfAMail(t *testing.T) {
	for _, url := range []string{"", "mailto:", "ops@example.com", "https://example.com", "mailto:ops@example.com?bcc=evil@example.com", "mailto:a@example.com%0D%0Ab", "mailto:" + strings.Repeat("a@example.com,", 20) + "a@example.com"} {
		_, found := all.Destinations.Named("email").Open(destinations.Settings{URL: url})
		require.Len(t, found, 1, url)
		require.Equal(t, "url", found[0].Path)
	}
}

func TestALongMailEndsWithALink(t *testing.T) {
	m := message("run.completed")
	m.Output = strings.Repeat("A paragraph of words.\n\n", 20_000)
	q, err := openEmail(t, destinations.Settings{URL: "mailto:ops@example.com"}).Request(m)
	require.NoError(t, err)
	for _, part := range []string{q.Mail.Plain, q.Mail.HTML} {
		require.Contains(t, part, "Read the rest")
		require.Contains(t, part, m.Link)
		require.Less(t, len(part), 350_000)
	}
}
