package all_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/calls/senders"
	"beckon/internal/secret"
)

// FuzzSources gives every source any body and headers.
func FuzzSources(f *testing.F) {
	corpus(f, func(_ string, s *senders.Sender, d senders.Delivery) {
		if len(d.Body) < 4000 {
			f.Add(s.Name, d.Header.Get("Content-Type"), d.Header.Get("X-Github-Event")+d.Header.Get("X-Gitea-Event")+d.Header.Get("X-Event-Key"), d.Body)
		}
	})
	f.Fuzz(func(t *testing.T, name, contentType, kind string, body []byte) {
		s := known.Source(name)
		if s == nil {
			return
		}
		h := http.Header{"Content-Type": {contentType}}
		for _, header := range []string{"X-Github-Event", "X-Gitea-Event", "X-Event-Key", "X-Shopify-Topic", "Ce-Type"} {
			h.Set(header, kind)
		}
		d := senders.Delivery{Method: "POST", URL: &url.URL{}, Header: h, Body: body}
		sound(t, s, d)
		if s.DeliveryID != nil {
			s.DeliveryID(d)
		}
		if s.Handshake != nil {
			if answer, err := s.Handshake(d); err == nil && answer != nil && answer.Fetch != nil {
				require.Regexp(t, `^https://sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/`, answer.Fetch.String())
			}
		}
	})
}

// FuzzVerifiers gives every scheme any headers and body: nothing but what was signed is good.
func FuzzVerifiers(f *testing.F) {
	for name, s := range signers {
		d := s.delivery(s.secret("mine"), now)
		f.Add(name, d.Header.Get(s.header), d.Header.Get("X-Time"), d.Body)
	}
	f.Add("oidc", "Bearer a.b.c", "", []byte("{}"))
	f.Fuzz(func(t *testing.T, name, signature, timestamp string, body []byte) {
		s, ok := signers[name]
		if !ok {
			s = signer{header: "Authorization", proof: senders.Proof{Scheme: "bearer"}}
		}
		p := s.proof
		if p.Scheme == "" {
			p.Scheme = name
		}
		p.Secrets = []secret.String{secret.String(s.secret("another")), ""}
		h := http.Header{}
		for _, header := range []string{"X-Time", "X-Slack-Request-Timestamp", "Webhook-Timestamp", "Svix-Timestamp", "X-Id", "Webhook-Id", "Svix-Id"} {
			h.Set(header, timestamp)
		}
		h.Set(s.header, signature)
		d := senders.Delivery{Method: "POST", URL: &url.URL{Scheme: "https", Host: "x"}, Header: h, Body: body}
		_, err := known.Prove(context.Background(), []senders.Proof{p}, d, now, func(string) bool { return false })
		require.Error(t, err)
		if len(signature) > 20 {
			require.False(t, strings.Contains(err.Error(), signature))
		}
	})
}

func FuzzTime(f *testing.F) {
	for _, text := range []string{"2026-10-05T09:12:31Z", "1791191551", "1791191551123", "1791191560.5", "2026-10-05 09:12:31 UTC", "1e400", "-1", "0001-01-01T00:00:00Z"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got := senders.Time(text); got != "" {
			require.Equal(t, got, senders.Time(got))
		}
	})
}
