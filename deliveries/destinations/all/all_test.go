package all_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"beckon/deliveries/destinations"
	"beckon/deliveries/destinations/all"
	"beckon/internal/render"
	"beckon/internal/repository"
	"beckon/internal/secret"
)

var update = flag.Bool("update", false, "write the golden files anew")

// settings are what an endpoint of each destination says.
var settings = map[string]destinations.Settings{
	"slack":          {URL: "https://hooks.slack.com/services/T0/B0/s3cret"},
	"slack-bot":      {URL: "https://slack.com/api/chat.postMessage", Secret: "xoxb-s3cret", To: "C024BE91L"},
	"discord":        {URL: "https://discord.com/api/webhooks/1/s3cret"},
	"teams":          {URL: "https://prod.logic.azure.com/workflows/1?sig=s3cret"},
	"mattermost":     {URL: "https://chat.example.com/hooks/s3cret", To: "ops"},
	"google-chat":    {URL: "https://chat.googleapis.com/v1/spaces/A/messages?key=k&token=s3cret"},
	"telegram":       {URL: "https://api.telegram.org", Secret: "123456:ABC-DEF_1234567890", To: "-100123"},
	"ntfy":           {URL: "https://ntfy.sh", Secret: "tk_s3cret", To: "ops"},
	"pagerduty":      {URL: "https://events.pagerduty.com/v2/enqueue", Secret: "0123456789abcdef0123456789abcdef"},
	"pagerduty-note": {URL: "https://events.pagerduty.com/v2/enqueue", Secret: "u+s3cret", From: "ops@example.com"},
	"github":         {URL: "https://api.github.com", Secret: "ghp_s3cret", Repositories: []string{"acme/*"}},
	"github-status":  {URL: "https://github.example.com/api/v3/", Secret: "ghp_s3cret", As: "status", Repositories: []string{"acme/shop"}},
	"gitlab":         {URL: "https://gitlab.com", Secret: "glpat-s3cret", Repositories: []string{"acme/**"}},
	"gitlab-status":  {URL: "https://git.example.com/api/v4", Secret: "glpat-s3cret", As: "status", Repositories: []string{"acme/*"}},
	"http": {URL: "https://api.example.com/v2?v=1", Method: "PUT", Path: "runs/{{.runId}}", Body: `{"text": {{json .data.output}}}`,
		Headers: map[string]secret.String{"X-Run": "{{.runId}}", "Authorization": "Bearer s3cret"}},
}

func open(t testing.TB, name string) destinations.Receiver {
	d := all.Destinations.Named(name)
	if d == nil { // another way of a destination
		d = all.Destinations.Named(name[:strings.LastIndexByte(name, '-')])
	}
	require.NotNil(t, d, name)
	r, found := d.Open(settings[name])
	require.Empty(t, found, name)
	return r
}

const answer = "# Disk full on db-1\n\nThe **disk** of `db-1` is at _98 %_ & growing.\n\n" +
	"1. Delete old logs\n2. See [the runbook](https://docs.example.com/disk?a=1&b=2)\n   - or [bank.example](https://evil.example)\n\n" +
	"> @channel said <!here> it's fine\n\n| Path | Use |\n|---|---|\n| /var/log | 90 % |\n\n```sh\ndu -sh <dir> | sort\n```\n\n" +
	"[x](javascript:alert(1)) ![pixel](https://evil.example/p.gif) שלום\u202e\u200b @everyone <@U024BE7LH>"

func message(kind string) destinations.Message {
	m := destinations.Message{ID: "evt_1", Kind: kind, Type: kind, RunID: "run_1", Agent: "triage", Link: "https://beckon.example.com/admin/runs/run_1"}
	switch kind {
	case "run.completed":
		m.Output, m.Files = answer, []destinations.File{{Name: "chart [1].png", URL: "https://beckon.example.com/a/art_1?s=x&e=1"}}
	case "run.failed":
		m.Error = "The provider <openai> answered 401. Look at *its* key."
	case "event.resolved":
		m.Key, m.Title = "alertmanager/db-1", "Disk full on <db-1> @here"
	}
	m.Data = func(*render.Template) (map[string]any, error) {
		return map[string]any{"runId": "run_1", "data": map[string]any{"output": m.Output}}, nil
	}
	m.Document = func() ([]byte, error) { return []byte(`{}`), nil }
	return m
}

// commit is the one that the events of origins are about.
const commit = "ec26c3e57ca3a959ca5aad62de7213c562f8c821"

// origins are where the calls of runs came from whose answers go to repositories.
var origins = map[string]*destinations.Origin{
	"github":         {Source: "github", Signed: true, Place: &repository.Place{Repository: "acme/shop", Thing: repository.PullRequest, Number: "7", Commit: commit}},
	"pagerduty-note": {Source: "pagerduty", Signed: true},
	"gitlab":         {Source: "gitlab", Signed: true, Place: &repository.Place{Repository: "acme/shop", Thing: repository.MergeRequest, Number: "7", Commit: commit}},
}

func comesFrom(m *destinations.Message, name string) {
	if m.Origin = origins[strings.TrimSuffix(name, "-status")]; name == "pagerduty-note" {
		m.Key = "Q2LAR4ADCXC8IB"
	}
}

// What goes out to each destination, as a file to look at.
func TestRequests(t *testing.T) {
	for name := range settings {
		for _, kind := range []string{"run.completed", "run.failed", "event.resolved"} {
			t.Run(name+"-"+kind, func(t *testing.T) {
				m := message(kind)
				comesFrom(&m, name)
				q, err := open(t, name).Request(m)
				require.NoError(t, err)
				var body bytes.Buffer
				require.NoError(t, json.Indent(&body, q.Body, "", "  "))
				var out strings.Builder
				out.WriteString(q.Method + " " + q.URL + "\n")
				require.NoError(t, q.Header.Write(&out))
				written := strings.ReplaceAll(out.String(), "\r\n", "\n") + "\n" + body.String() + "\n"
				golden := filepath.Join("testdata", name+"-"+kind+".txt")
				if *update {
					require.NoError(t, os.WriteFile(golden, []byte(written), 0o644))
				}
				want, err := os.ReadFile(golden)
				require.NoError(t, err, "write it with -update")
				require.Equal(t, string(want), written)
				if name != "http" {
					require.NotContains(t, written, "javascript:")
					require.False(t, strings.ContainsAny(written, "\u202e\u200b"))
				}
			})
		}
	}
}

func length(s string) int { return len(utf16.Encode([]rune(s))) }

// The bounds that the vendors document.
func TestLongAnswersFitAndLinkToTheRun(t *testing.T) {
	for _, text := range []string{strings.Repeat("A paragraph of <some> *words* & more 🙂.\n\n", 5000), strings.Repeat("x & ", 50_000), "```\n" + strings.Repeat("a line\n", 30_000),
		strings.Repeat("- [ ] a _task_\n", 14_000), strings.Repeat("| a | b |\n|---|---|\n", 10_000), strings.Repeat("\"\\", 100_000), strings.Repeat("> ", 100_000) + "deep"} {
		for name := range settings {
			m := message("run.completed")
			m.Output = text
			comesFrom(&m, name)
			q, err := open(t, name).Request(m)
			require.NoError(t, err)
			var sent struct {
				Text        string
				Note        struct{ Content string }
				Body        string
				Description string
				Blocks      []struct {
					Text     struct{ Text string }
					Elements []struct{ Text string }
				}
				Embeds  []struct{ Title, Description string }
				Message string
				Payload struct{ Summary string }
			}
			require.NoError(t, json.Unmarshal(q.Body, &sent), name)
			switch name {
			case "slack", "slack-bot":
				require.LessOrEqual(t, len(sent.Blocks), 50)
				for _, b := range sent.Blocks {
					require.LessOrEqual(t, length(b.Text.Text), 3000)
					require.Equal(t, 0, strings.Count(b.Text.Text, "```")%2)
				}
				require.LessOrEqual(t, length(sent.Text), 3000)
			case "discord":
				require.LessOrEqual(t, length(sent.Embeds[0].Description), 4096)
				require.LessOrEqual(t, length(sent.Embeds[0].Title), 256)
			case "teams":
				require.LessOrEqual(t, len(q.Body), 28<<10)
			case "mattermost":
				require.LessOrEqual(t, length(sent.Text), 16_383)
			case "google-chat":
				require.LessOrEqual(t, len(sent.Text), 4096)
			case "telegram":
				require.LessOrEqual(t, length(sent.Text), 4096)
			case "pagerduty-note":
				require.LessOrEqual(t, length(sent.Note.Content), 25_000)
			case "pagerduty":
				require.LessOrEqual(t, length(sent.Payload.Summary), 1024)
				require.LessOrEqual(t, len(q.Body), 512<<10)
			case "github", "gitlab":
				require.LessOrEqual(t, length(sent.Body), 65_536)
			case "github-status":
				require.LessOrEqual(t, utf8.RuneCountInString(sent.Description), 140)
			case "gitlab-status":
				require.LessOrEqual(t, utf8.RuneCountInString(sent.Description), 255)
			case "ntfy":
				require.LessOrEqual(t, len(sent.Message), 4096)
			}
			if name != "http" && !strings.HasSuffix(text, "deep") {
				require.Contains(t, string(q.Body), "https://beckon.example.com/admin/runs/run_1", name)
			}
		}
	}
}

func TestHTTPStaysBelowItsURL(t *testing.T) {
	for path, wrong := range map[string]bool{"//evil.example/x": false, "https://evil.example/": false, "../../admin": true, "a/../../b": true, "a#b": true, "a?x={{.runId}}": false} {
		s := settings["http"]
		s.Path = path
		r, found := all.Destinations.Named("http").Open(s)
		require.Empty(t, found)
		q, err := r.Request(message("run.completed"))
		if wrong {
			require.ErrorContains(t, err, "The endpoint's path cannot be made of this event", path)
			continue
		}
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(q.URL, "https://api.example.com/v2"), q.URL)
		require.Contains(t, q.URL, "v=1")
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	for says, s := range map[string]struct {
		name string
		destinations.Settings
	}{
		"url is required":      {"slack", destinations.Settings{URL: "https://slack.com/api/chat.postMessage"}},
		"to is required":       {"slack", destinations.Settings{URL: "https://slack.com/api/chat.postMessage", Secret: "xoxb-1"}},
		"to is for a bot":      {"slack", destinations.Settings{URL: "https://hooks.slack.com/services/x", To: "#ops"}},
		"to is required: ":     {"telegram", destinations.Settings{Secret: settings["telegram"].Secret}},
		"secret must be the":   {"telegram", destinations.Settings{To: "1"}},
		"to must be the":       {"ntfy", destinations.Settings{To: "a b"}},
		"secret must be the i": {"pagerduty", destinations.Settings{Secret: "x"}},
		"from must be the add": {"pagerduty", destinations.Settings{URL: "https://events.pagerduty.com/v2/enqueue", Secret: "x", From: "Ops <ops@example.com>"}},
		"method must be one":   {"http", destinations.Settings{Method: "BREW"}},
		"secret is required":   {"github", destinations.Settings{URL: "https://api.github.com", Repositories: []string{"acme/*"}}},
		"repositories is requ": {"gitlab", destinations.Settings{URL: "https://gitlab.com", Secret: "x"}},
		"repositories[1] must": {"gitlab", destinations.Settings{URL: "https://gitlab.com", Secret: "x", Repositories: []string{"acme/*", "acme"}}},
		"as must be comment o": {"github", destinations.Settings{URL: "https://api.github.com", Secret: "x", As: "note", Repositories: []string{"acme/*"}}},
		"url must be that of ": {"github", destinations.Settings{URL: "https://github.com/acme", Secret: "x", Repositories: []string{"acme/*"}}},
		"body is not sent":     {"http", destinations.Settings{Method: "GET", Body: "x"}},
		"body ":                {"http", destinations.Settings{Body: "{{.x"}},
		"headers.X-A ":         {"http", destinations.Settings{Headers: map[string]secret.String{"X-A": "{{env `X`}}"}}},
	} {
		_, found := all.Destinations.Named(s.name).Open(s.Settings)
		var lines []string
		for _, f := range found {
			lines = append(lines, f.Path+" "+f.Message)
		}
		require.Contains(t, strings.Join(lines, "\n"), says)
	}
}

// A delivery to a destination costs this much more than one in the default format, which is beside it in package deliveries.
func BenchmarkRequest(b *testing.B) {
	for _, name := range []string{"slack", "discord", "teams", "mattermost", "google-chat", "telegram", "ntfy", "pagerduty"} {
		b.Run(name, func(b *testing.B) {
			r, m := open(b, name), message("run.completed")
			for b.Loop() {
				_, _ = r.Request(m)
			}
		})
	}
}
