package calls

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// Senders such as Twilio sign the URL that they call, which is the public one.
func TestADeliveryHasThePublicURL(t *testing.T) {
	for public, want := range map[string]string{
		"":                           "/api/v1/webhooks/a%2Fb?x=1&x=%20",
		"https://example.com":        "https://example.com/api/v1/webhooks/a%2Fb?x=1&x=%20",
		"https://example.com/beckon": "https://example.com/beckon/api/v1/webhooks/a%2Fb?x=1&x=%20",
		"http://localhost:8080/":     "http://localhost:8080/api/v1/webhooks/a%2Fb?x=1&x=%20",
	} {
		called, err := url.Parse("/api/v1/webhooks/a%2Fb?x=1&x=%20")
		require.NoError(t, err)
		r := &Request{URL: called, service: New(Config{PublicURL: public})}
		require.Equal(t, want, r.delivery().URL.String(), public)
		require.Empty(t, called.Host, "the request stays as it is")
	}
	r := &Request{Query: url.Values{"token": {"x"}}}
	require.Equal(t, "?token=x", r.delivery().URL.String())
}
