package calls_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/calls"
	"beckon/calls/senders"
	"beckon/calls/senders/all"
	"beckon/clients"
	"beckon/internal/memory"
	"beckon/internal/problem"
	"beckon/runs"
)

// The time of a refusal must not tell which clients there are, so it is the work that is compared: what is read, how many
// signatures are computed, and how many tokens are looked up.
func TestARefusalTakesTheSameWorkForEveryID(t *testing.T) {
	set, findings := clients.NewSet([]clients.Declared{
		{Client: clients.Client{ID: "plain", Passthrough: true, AllowedAgents: []string{"a"}}, Credentials: []clients.Credential{{Hash: clients.HashOf("t1")}}},
		{Client: clients.Client{ID: "hub", Source: "github", Secret: clients.Secrets{"a", "b"}, AllowedAgents: []string{"a"}}},
		{Client: clients.Client{ID: "both", Source: "github", Secret: clients.Secrets{"c"}, Auth: []clients.Auth{{Scheme: "basic"}}, AllowedAgents: []string{"a"}}},
	}, clients.NewLimits())
	require.Empty(t, findings)
	work := map[string]int{}
	var counted senders.Set
	for _, sender := range all.Senders(nil, nil) {
		one := *sender
		if verify := one.Verify; verify != nil {
			one.Verify = func(ctx context.Context, p senders.Proof, d senders.Delivery, now time.Time) (senders.Proved, error) {
				work[p.Scheme] += len(p.Secrets) * (1 + len(d.Body))
				return verify(ctx, p, d, now)
			}
		}
		if token := one.Token; token != nil {
			one.Token = func(p senders.Proof, d senders.Delivery) (string, error) {
				work[p.Scheme]++
				return token(p, d)
			}
		}
		counted = append(counted, &one)
	}
	service := calls.New(calls.Config{Catalog: func() calls.Catalog { return calls.Catalog{Clients: set} }, Senders: counted, MaxBodyBytes: 1 << 20})
	call := func(id string, header http.Header) map[string]int {
		clear(work)
		read := 0
		c := service.Start(t.Context(), calls.Webhook, &calls.Request{ClientID: id, URL: &url.URL{Path: "/api/v1/webhooks/" + id}, Header: header, Address: "127.0.0.1",
			Read: func(int64, *memory.Reservation) ([]byte, error) {
				read++
				return []byte("a body"), nil
			}})
		defer c.Close()
		require.Equal(t, problem.CodeUnauthorized, problem.Of(c.Refused).Code)
		require.Equal(t, calls.Unauthorized.Detail, problem.Of(c.Refused).Detail)
		did := map[string]int{"read": read}
		for scheme, n := range work {
			did[scheme] = n
		}
		return did
	}
	for name, header := range map[string]http.Header{
		"nothing":           {},
		"a wrong token":     {"Authorization": {"Bearer wrong"}},
		"a wrong signature": {"X-Hub-Signature-256": {"sha256=" + "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"}},
	} {
		want := call("nobody", header)
		require.NotZero(t, want["bearer"]*want["basic"], name)
		for _, id := range []string{"plain", "hub", "both"} {
			require.Equal(t, want, call(id, header), "%s to %s", name, id)
		}
	}
	require.Equal(t, 1, call("nobody", http.Header{"X-Hub-Signature-256": {"sha256=00"}})["read"])
}

func TestBodiesOfCallersWithoutProofAreBoundedByAddress(t *testing.T) {
	set, _ := clients.NewSet([]clients.Declared{{Client: clients.Client{ID: "hub", Source: "github", Secret: clients.Secrets{"a"}, AllowedAgents: []string{"a"}}}}, clients.NewLimits())
	service := calls.New(calls.Config{Catalog: func() calls.Catalog { return calls.Catalog{Clients: set} }, MaxBodyBytes: 1 << 20})
	reading, release := make(chan struct{}), make(chan struct{})
	call := func(address string, read func(int64, *memory.Reservation) ([]byte, error)) string {
		c := service.Start(t.Context(), calls.Webhook, &calls.Request{ClientID: "hub", URL: &url.URL{}, Address: address, Read: read,
			Header: http.Header{"X-Hub-Signature-256": {"sha256=00"}}})
		defer c.Close()
		return problem.Of(c.Refused).Code
	}
	ended := make(chan string, 64)
	for range 64 {
		go func() {
			ended <- call("2001:db8::1", func(int64, *memory.Reservation) ([]byte, error) {
				reading <- struct{}{}
				<-release
				return nil, nil
			})
		}()
	}
	for range 64 {
		<-reading
	}
	now := func(int64, *memory.Reservation) ([]byte, error) { return nil, nil }
	require.Equal(t, problem.CodeTooManyConcurrentCalls, call("2001:db8::2", now), "the same network")
	require.Equal(t, problem.CodeUnauthorized, call("192.0.2.1", now))
	close(release)
	for range 64 {
		require.Equal(t, problem.CodeUnauthorized, <-ended)
	}
	require.Equal(t, problem.CodeUnauthorized, call("2001:db8::2", now))
}

func TestASubscriptionIsConfirmedBeforeTheAnswer(t *testing.T) {
	set, _ := clients.NewSet([]clients.Declared{{Client: clients.Client{ID: "topic", Source: "sns", AllowedAgents: []string{"a"}},
		Credentials: []clients.Credential{{Hash: clients.HashOf("t1")}}}}, clients.NewLimits())
	asked, fails := []string{}, false
	service := calls.New(calls.Config{Catalog: func() calls.Catalog { return calls.Catalog{Clients: set} }, MaxBodyBytes: 1 << 20,
		Runs: &runs.Service{Config: runs.Config{MaxConcurrent: 5}},
		Fetch: func(_ context.Context, address string) ([]byte, error) {
			asked = append(asked, address)
			if fails {
				return nil, context.DeadlineExceeded
			}
			return nil, nil
		}})
	call := func(host, token string) *calls.Call {
		body := `{"Type":"SubscriptionConfirmation","MessageId":"1","Token":"x","TopicArn":"arn:aws:sns:eu-west-1:123456789012:alarms","SubscribeURL":"https://` + host + `/?Action=ConfirmSubscription"}`
		c := service.Start(t.Context(), calls.Webhook, &calls.Request{ClientID: "topic", URL: &url.URL{}, Body: []byte(body), Header: http.Header{"Authorization": {"Bearer " + token}}})
		c.Close()
		return c
	}
	require.Error(t, call("sns.eu-west-1.amazonaws.com", "wrong").Refused)
	require.Equal(t, problem.Unprocessable, problem.Of(call("sns.example", "t1").Refused).Kind)
	require.Empty(t, asked, "only with a proof, and only at Amazon's")
	good := call("sns.eu-west-1.amazonaws.com", "t1")
	require.NoError(t, good.Refused)
	require.Equal(t, 200, good.Answer.Status)
	require.Len(t, asked, 1)
	fails = true
	require.Equal(t, problem.Unavailable, problem.Of(call("sns.eu-west-1.amazonaws.com", "t1").Refused).Kind)
}
