package calls_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/reply"
	"beckon/calls"
	"beckon/clients"
	"beckon/commands"
	"beckon/internal/memory"
	"beckon/internal/problem"
	"beckon/internal/store/storetest"
	"beckon/internal/telemetry"
	"beckon/internal/units"
	"beckon/runs"
)

// signing is a channel whose requests are signed over their raw bytes, and whose responses have a format of their own.
func signing(key string) *calls.Channel {
	return &calls.Channel{
		Source: runs.SourceWebhook,
		Verify: func(_ context.Context, all *clients.Set, r *calls.Request) (*clients.Member, error) {
			if err := r.ReadBody(100); err != nil {
				return nil, err
			}
			if client := all.Get(r.ClientID); client != nil && hmac.Equal([]byte(signed(key, r.Body)), []byte(r.Header.Get("X-Signature"))) {
				return client, nil
			}
			return nil, calls.Unauthorized
		},
		Prompt: func(_ *clients.Member, _ commands.Set, r *calls.Request, _ int) (calls.Prompt, error) {
			return calls.Prompt{Text: "event: " + string(r.Body)}, nil
		},
		Reply: func(_ *calls.Request, run *runs.Run) (string, string) { return "text/x-sender", "told: " + run.Output },
	}
}

func signed(key string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// newService has the client "ci", which may make two calls an hour, and an agent that repeats its prompt.
func newService(t *testing.T, budget *memory.Budget) *calls.Service {
	log, metrics, db := slog.New(slog.DiscardHandler), telemetry.NewMetrics("test"), storetest.Open(t, storetest.Default(t))
	agentSet, findings := agents.NewSet(agents.Factories{Providers: map[string]agents.Factory{"template": reply.New()}},
		[]agents.Provider{{ID: "offline", Type: "template", Template: "{{.prompt}}"}}, []agents.Agent{{ID: "repeat", Provider: "offline"}}, nil)
	require.Empty(t, findings)
	clientSet, findings := clients.NewSet([]clients.Declared{{
		Client: clients.Client{ID: "ci", Passthrough: true, AllowedAgents: []string{"repeat"},
			RateLimit: &clients.RateLimit{Requests: 2, Per: units.Duration(time.Hour)}},
		Credentials: []clients.Credential{{Hash: clients.HashOf("t0ken")}},
	}}, clients.NewLimits())
	require.Empty(t, findings)
	service := runs.New(runs.Config{Store: db, Log: log, Metrics: metrics, Memory: budget, Entry: agentSet.Get})
	t.Cleanup(func() { service.Drain(context.Background()) })
	inForce := calls.Catalog{Clients: clientSet, Agents: agentSet}
	return calls.New(calls.Config{Catalog: func() calls.Catalog { return inForce }, Runs: service, Memory: budget, Metrics: metrics, MaxBodyBytes: 1000})
}

// signedRequest makes a request whose body is read when somebody asks for it.
func signedRequest(body, signature string) (r *calls.Request, reads *int) {
	reads = new(int)
	return &calls.Request{ClientID: "ci", Header: http.Header{"X-Signature": {signature}}, ReceivedAt: time.Now(),
		Read: func(limit int64, held *memory.Reservation) ([]byte, error) {
			*reads++
			if int64(len(body)) > limit {
				return nil, calls.TooLarge(limit)
			}
			return memory.ReadAll(strings.NewReader(body), int64(len(body)), held.Body)
		}}, reads
}

// A channel may need the body to authenticate a call. The body is read once, and a call that is not authenticated
// takes nothing of the client's limits.
func TestAChannelAuthenticatesByTheBody(t *testing.T) {
	budget := memory.NewBudget(1 << 20)
	s := newService(t, budget)
	for range 3 {
		r, reads := signedRequest("hello", signed("another key", []byte("hello")))
		call := s.Start(t.Context(), signing("key"), r)
		require.Equal(t, calls.Unauthorized.Detail, problem.Of(call.Refused).Detail)
		require.Nil(t, call.Client)
		require.Empty(t, call.RunID())
		call.Close()
		require.Equal(t, 1, *reads)
	}
	require.Zero(t, budget.Used())
	r, _ := signedRequest(strings.Repeat("x", 101), "")
	call := s.Start(t.Context(), signing("key"), r)
	require.True(t, problem.Is(call.Refused, problem.TooLarge), "%v", call.Refused)
	call.Close()

	for i := range 2 {
		r, reads := signedRequest("hello", signed("key", []byte("hello")))
		call := s.Start(t.Context(), signing("key"), r)
		require.NoError(t, call.Refused, "call %d of two", i+1)
		require.Equal(t, 1, *reads)
		run, err := call.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, "event: hello", run.Input)
		contentType, text := call.Reply(run)
		require.Equal(t, "text/x-sender", contentType)
		require.Equal(t, "told: event: hello", text)
		call.Close()
	}
	r, reads := signedRequest("hello", signed("key", []byte("hello")))
	call = s.Start(t.Context(), signing("key"), r)
	require.True(t, problem.Is(call.Refused, problem.Exhausted), "%v", call.Refused)
	require.Equal(t, 1, *reads)
	quota, _ := call.Quota()
	require.Equal(t, 2, quota.Limit)
	call.Close()
	require.Eventually(t, func() bool { return budget.Used() == 0 }, 10*time.Second, time.Millisecond, "all is given back")
}

// A bearer token is checked before the body is read.
func TestABearerTokenNeedsNoBody(t *testing.T) {
	s := newService(t, nil)
	r, reads := signedRequest("hello", "")
	r.Header.Set("Authorization", "Bearer wrong")
	call := s.Start(t.Context(), calls.Webhook, r)
	defer call.Close()
	require.Equal(t, calls.Unauthorized.Detail, problem.Of(call.Refused).Detail)
	require.Zero(t, *reads)
}
