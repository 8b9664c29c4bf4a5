package deliveries

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/events"
	"beckon/internal/egress"
	"beckon/internal/mail"
)

// alertAnswer is what an agent says about an alert.
const alertAnswer = `**The disk of db-1 is full in about two hours.** PostgreSQL keeps its write-ahead log because the replication slot
` + "`analytics_old`" + ` has had no reader since Tuesday 14:20.

What I found:

- ` + "`/var/lib/postgresql`" + ` is at **97 %** and grows by 3 GB an hour
- 412 GB of that is ` + "`pg_wal`" + `, the tables have not grown
- the slot belongs to a host that was switched off, see [the inventory](https://inventory.example.com/hosts/analytics-2)

What to do now:

1. Make sure that nobody needs the slot any more.
2. Drop it. PostgreSQL removes the old segments at its next checkpoint.

` + "```sql\nSELECT pg_drop_replication_slot('analytics_old');\nCHECKPOINT;\n```" + `

The runbook says the same: [Disk full on a database](https://runbooks.example.com/databases/disk-full#slots). Set
` + "`max_slot_wal_keep_size`" + ` to **50GB** so that a slot without a reader does not fill the disk again.
`

// answering is a way out to a receiver that takes everything.
type answering string

func (a answering) Send(context.Context, string, string, http.Header, []byte, time.Duration) (egress.Answer, error) {
	return egress.Answer{Status: http.StatusOK, Body: []byte(a)}, nil
}

type mailbox struct{}

func (mailbox) Send(context.Context, mail.Mail, time.Duration) error { return nil }

// BenchmarkExchange is all that an attempt costs besides the network, to a plain webhook and to each destination.
func BenchmarkExchange(b *testing.B) {
	m := completed()
	answer, err := json.Marshal(alertAnswer)
	require.NoError(b, err)
	payload := json.RawMessage(strings.Replace(string(m.Payload), `"Rollback <b>done</b> & „quoted“ \"text\"\n2"`, string(answer), 1))
	require.Contains(b, string(payload), "runbook")
	for _, of := range []struct {
		name   string
		answer answering
		Endpoint
	}{
		{"run", "", Endpoint{URL: "https://example.com/hook", Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}},
		{"slack", "ok", Endpoint{Format: "slack", URL: "https://hooks.slack.com/services/T0/B0/s3cret"}},
		{"discord", "", Endpoint{Format: "discord", URL: "https://discord.com/api/webhooks/1/s3cret"}},
		{"teams", "", Endpoint{Format: "teams", URL: "https://prod.logic.azure.com/workflows/1?sig=s3cret"}},
		{"mattermost", "ok", Endpoint{Format: "mattermost", URL: "https://chat.example.com/hooks/s3cret"}},
		{"google-chat", `{"name": "spaces/A/messages/1", "text": "…"}`, Endpoint{Format: "google-chat", URL: "https://chat.googleapis.com/v1/spaces/A/messages?key=k&token=s3cret"}},
		{"telegram", `{"ok": true, "result": {"message_id": 1}}`, Endpoint{Format: "telegram", Secret: "123456:ABC-DEF_1234567890", To: "-100123"}},
		{"ntfy", `{"id": "x", "event": "message"}`, Endpoint{Format: "ntfy", To: "ops"}},
		{"pagerduty", `{"status": "success"}`, Endpoint{Format: "pagerduty", Secret: "0123456789abcdef0123456789abcdef"}},
		{"pagerduty-note", `{"note": {"id": "PWL7QXS"}}`, Endpoint{Format: "pagerduty", Secret: "u+s3cret", From: "ops@example.com"}},
		{"github-status", `{"id": 1}`, Endpoint{Format: "github", Secret: "ghp_s3cret", As: "status", Repositories: []string{"acme/*"}}},
		{"email", "", Endpoint{Format: "email", URL: "mailto:ops@example.com"}},
		{"http", "", Endpoint{Format: "http", URL: "https://example.com", Body: `{"text": {{json .data.output}}}`}},
	} {
		s := &Service{sending: b.Context(), Config: Config{Version: "test", Source: m.Source, Out: of.answer, Mail: mailbox{}, Origin: origins(of.name), Now: time.Now}}
		of.ID = "chat"
		t := &target{Endpoint: of.Endpoint}
		t.format, err = parseFormat(of.Format)
		require.NoError(b, err)
		if d := of.destination(); d != nil {
			receiver, found := d.Open(of.settings())
			require.Empty(b, found)
			t.receiver, t.clean = &receiver, newCleaner(of.Endpoint, receiver.PublicPaths)
		}
		s.endpoints.Store(&endpointSet{byID: map[string]*target{of.ID: t}})
		d := &claimed{row: row{ID: "dlv_1", EndpointID: &of.ID, EventID: m.ID, Type: m.Type, RunID: &m.RunID}, event: events.Event{ID: m.ID, Payload: payload}}
		b.Run(of.name, func(b *testing.B) {
			b.ReportAllocs()
			before := processorTime(b)
			for b.Loop() {
				if o := s.exchange(b.Context(), d); o.Error != nil {
					b.Fatal(o.Error.Message)
				}
			}
			b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// processorTime is what the process has used: on a busy machine the time that passes says little.
func processorTime(b *testing.B) int64 {
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return used.Utime.Nano() + used.Stime.Nano()
}

// origins are what the calls of runs have told that a destination writes to.
func origins(name string) func(ctx context.Context, clientID, runID string) ([]byte, error) {
	return func(context.Context, string, string) ([]byte, error) {
		switch name {
		case "github-status":
			return []byte(`{"key": "pr/7", "source": "github", "signed": true, "place": {"repository": "acme/shop", "number": "7", "commit": "ec26c3e57ca3a959ca5aad62de7213c562f8c821"}}`), nil
		case "pagerduty-note":
			return []byte(`{"key": "Q2LAR4ADCXC8IB", "source": "pagerduty", "signed": true}`), nil
		}
		return []byte(`{"key": "alertmanager/db-1", "source": "alertmanager"}`), nil
	}
}
