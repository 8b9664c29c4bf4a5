package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/config"
	"beckon/internal/doctor"
	"beckon/internal/sealed"
	"beckon/internal/store/storetest"
)

var sealedToken = regexp.MustCompile("sealed:v1:[A-Za-z0-9+/]+")

// sealedSink collects what is sealed in a database, and where.
type sealedSink struct {
	table   string
	columns []string
	places  map[string]bool
	tokens  []string
}

// Table implements store.Sink.
func (s *sealedSink) Table(name string, columns []string) error {
	s.table, s.columns = name, slices.Clone(columns)
	return nil
}

// Row implements store.Sink.
func (s *sealedSink) Row(values []any) error {
	for i, value := range values {
		found := sealedToken.FindAllString(fmt.Sprint(value), -1)
		if len(found) > 0 {
			s.places[s.table+"."+s.columns[i]] = true
			s.tokens = append(s.tokens, found...)
		}
	}
	return nil
}

// The secrets key is changed while runs, deliveries and alerts wait whose content it seals. Whenever the rotation breaks off, both keys
// together open everything; when it has ended, the new one does alone.
func TestRotateSecrets(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		c := newRedacting(t, database)
		r, answer := c.raw("POST", "/api/v1/admin/providers", `{"id":"vendor","type":"openai","url":"https://vendor.example/v1","apiKey":"sk-planted"}`, "Authorization: Bearer adm1n", asJSON)
		require.Equal(t, 201, r.StatusCode, answer)
		body := fmt.Sprintf(`{"prompt":%q,"webhook":{"url":%q,"headers":{"X-Key":"s3cret"},"retry":["1h"]}}`, planted, c.receiver+"/fails")
		r, answer = c.ask("nothing", body)
		require.Equal(t, 200, r.StatusCode, answer)
		require.Eventually(t, func() bool { return len(c.received.with("/fails", "run.completed")) > 0 }, patience, 10*time.Millisecond)
		for _, name := range []string{"one", "two", "three"} { // the last two wait together
			r, answer = c.ask("storm-blind", plantedAlert(name))
			require.Contains(t, []int{200, 202}, r.StatusCode, answer)
		}
		text, err := os.ReadFile(c.Initial.File())
		require.NoError(t, err)
		c.end()

		before := sealedIn(t, database)
		require.Equal(t, map[string]bool{"resources.spec": true, "runs.callback": true, "deliveries.callback": true, "sealed_content.content": true, "coalesce_calls.event": true},
			before.places, "what is sealed in another column has to be sealed anew as well")

		const old = `secretsKey: "a key for the secrets of this test"`
		changed := strings.Replace(string(text), old, `secretsKey: "the new key", previousSecretsKey: "a key for the secrets of this test"`, 1)
		both := load(t, changed)
		found := secretsOf(t, both)
		require.Equal(t, doctor.Warning, found.Status, found.Says)
		require.Contains(t, found.Todo, "beckon secrets rotate")

		// It breaks off after its first transaction.
		db, err := openDatabase(t.Context(), both, silent)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		var updates atomic.Int64
		db.store.Watch(func(statement string, _ []any) {
			if strings.HasPrefix(statement, "SELECT") && updates.Load() > 0 {
				cancel()
			}
			if strings.HasPrefix(statement, "UPDATE") {
				updates.Add(1)
			}
		})
		_, err = sealed.Reseal(ctx, db.store, db.sealer, false)
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, db.store.Close())
		half := sealedIn(t, database)
		require.True(t, slices.ContainsFunc(half.tokens, func(token string) bool { return slices.Contains(before.tokens, token) }))
		require.True(t, slices.ContainsFunc(half.tokens, func(token string) bool { return !slices.Contains(before.tokens, token) }))
		v, err := joinStored(t.Context(), both, both)
		require.NoError(t, err)
		require.Empty(t, v.Warnings())

		done, err := RotateSecrets(t.Context(), both)
		require.NoError(t, err)
		require.Empty(t, done.Lost)
		require.NotZero(t, done.Changed)
		done, err = RotateSecrets(t.Context(), both)
		require.NoError(t, err)
		require.Zero(t, done.Changed)
		after := sealedIn(t, database)
		require.Len(t, after.tokens, len(before.tokens))
		for _, token := range before.tokens {
			require.NotContains(t, after.tokens, token)
		}
		require.Contains(t, secretsOf(t, both).Todo, "Remove server.previousSecretsKey")

		// The new key alone opens it all: the delivery that waits is sent with its header and content.
		alone := load(t, strings.Replace(string(text), old, `secretsKey: "the new key"`, 1))
		require.Equal(t, doctor.Good, secretsOf(t, alone).Status)
		g := callers{start(t, alone)}
		var list struct{ Items []struct{ ID, Status string } }
		require.NoError(t, json.Unmarshal([]byte(g.admin(t, "/api/v1/admin/deliveries?client=nothing&status=PENDING&type=run.completed")), &list))
		require.Len(t, list.Items, 1)
		r, answer = g.raw("POST", "/api/v1/admin/deliveries/"+list.Items[0].ID+"/resend", "", "Authorization: Bearer adm1n")
		require.Equal(t, 202, r.StatusCode, answer)
		require.Eventually(t, func() bool { return len(c.received.with("/fails", "run.completed", plantedMail)) > 1 }, patience, 10*time.Millisecond)
		g.end()

		// With a third key nothing opens, and says so.
		_, err = RotateSecrets(t.Context(), alone)
		require.ErrorContains(t, err, "server.previousSecretsKey is empty")
		wrong := load(t, strings.Replace(string(text), old, `secretsKey: "third", previousSecretsKey: "fourth"`, 1))
		done, err = RotateSecrets(t.Context(), wrong)
		require.NoError(t, err)
		require.Contains(t, done.Lost, "resources providers/vendor")
		require.Equal(t, after.tokens, sealedIn(t, database).tokens)
	})
}

// secretsOf is what `beckon doctor` says of the secrets.
func secretsOf(t *testing.T, c *config.Config) doctor.Finding {
	in := openInstallation(t.Context(), c)
	defer in.close()
	return in.checkSecrets(t.Context())
}

func sealedIn(t *testing.T, database string) *sealedSink {
	s := &sealedSink{places: map[string]bool{}}
	require.NoError(t, storetest.Open(t, database).Dump(t.Context(), s))
	slices.Sort(s.tokens)
	return s
}

// plantedAlert is a call of Alertmanager.
func plantedAlert(name string) string {
	return fmt.Sprintf(`{"version":"4","groupKey":%q,"status":"firing","receiver":"r","groupLabels":{"alertname":%q},"commonLabels":{},"commonAnnotations":{},
		"externalURL":"http://a","alerts":[{"status":"firing","labels":{"alertname":%q},"annotations":{"summary":%q},"startsAt":"2026-02-18T09:00:00Z","fingerprint":%q}]}`,
		name, name, name, planted, "fp-"+name)
}
