package all_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/calls/senders"
	"beckon/internal/secret"
)

func post(header http.Header, query, body string) senders.Delivery {
	if header == nil {
		header = http.Header{}
	}
	u := &url.URL{Scheme: "https", Host: "beckon.example", Path: "/", RawQuery: query}
	return senders.Delivery{Method: "POST", URL: u, Header: header, Body: []byte(body)}
}

func TestTheSendersOfTheContract(t *testing.T) {
	require.Equal(t, []string{"alertmanager", "bitbucket", "cloudevents", "eventgrid", "form", "generic", "gitea", "github", "gitlab", "grafana", "jira", "linear", "pagerduty",
		"sentry", "shopify", "slack", "sns", "standard-webhooks", "stripe", "twilio", "uptime-kuma"}, known.Sources())
	require.Equal(t, []string{"basic", "bearer", "bitbucket", "gitea", "github", "gitlab", "grafana", "header", "hmac", "jira", "linear", "oidc", "pagerduty", "query",
		"sentry", "shopify", "slack", "sns", "standard-webhooks", "stripe", "twilio"}, known.Schemes())
	for _, s := range known {
		require.NotEmpty(t, s.Title)
		require.NotEmpty(t, s.Group)
		require.True(t, s.Verify == nil && s.Token == nil || s.Shows != nil, s.Name)
		require.False(t, s.Alerts() && !s.Async, s.Name)
		require.False(t, s.GivesUp() && !s.Async, s.Name)
	}
}

func TestTokensInTheirPlaces(t *testing.T) {
	isToken := func(text string) bool { return text == "mgc_1" }
	for name, tt := range map[string]struct {
		proof senders.Proof
		d     senders.Delivery
		says  string
	}{
		"bearer":                 {senders.Proof{Scheme: "bearer"}, post(http.Header{"Authorization": {"bearer  mgc_1"}}, "", ""), ""},
		"another bearer":         {senders.Proof{Scheme: "bearer"}, post(http.Header{"Authorization": {"Bearer mgc_2"}}, "", ""), "not this client's"},
		"two bearers":            {senders.Proof{Scheme: "bearer"}, post(http.Header{"Authorization": {"Bearer mgc_1", "Bearer mgc_1"}}, "", ""), "more than one"},
		"two in one":             {senders.Proof{Scheme: "bearer"}, post(http.Header{"Authorization": {"Bearer mgc_1, mgc_1"}}, "", ""), "not Bearer"},
		"basic":                  {senders.Proof{Scheme: "basic"}, post(http.Header{"Authorization": {"Basic YW55Ym9keTptZ2NfMQ=="}}, "", ""), ""},
		"basic without a user":   {senders.Proof{Scheme: "basic"}, post(http.Header{"Authorization": {"Basic Om1nY18x"}}, "", ""), ""},
		"basic without a token":  {senders.Proof{Scheme: "basic"}, post(http.Header{"Authorization": {"Basic YW55Ym9keTo="}}, "", ""), "HTTP Basic"},
		"header":                 {senders.Proof{Scheme: "header", Name: "x-token"}, post(http.Header{"X-Token": {"mgc_1"}}, "", ""), ""},
		"two headers":            {senders.Proof{Scheme: "header", Name: "x-token"}, post(http.Header{"X-Token": {"mgc_1", "mgc_1"}}, "", ""), "more than one"},
		"query":                  {senders.Proof{Scheme: "query", Name: "token"}, post(nil, "a=1&token=mgc_1", ""), ""},
		"two in the query":       {senders.Proof{Scheme: "query", Name: "token"}, post(nil, "token=mgc_1&token=mgc_1", ""), "more than one"},
		"no proof":               {senders.Proof{Scheme: "bearer"}, post(nil, "", ""), "no proof"},
		"basic for bearer":       {senders.Proof{Scheme: "bearer"}, post(http.Header{"Authorization": {"Basic YW55Ym9keTptZ2NfMQ=="}}, "", ""), "proves itself with basic; this client takes bearer."},
		"a signature for bearer": {senders.Proof{Scheme: "bearer"}, post(http.Header{"X-Hub-Signature-256": {"sha256=00"}}, "", "x"), "proves itself with github; this client takes bearer."},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, known.CheckProof(tt.proof))
			_, err := known.Prove(context.Background(), []senders.Proof{tt.proof}, tt.d, now, isToken)
			if tt.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.says)
			require.NotContains(t, err.Error(), "mgc_")
		})
	}
}

func TestOneOfSeveralProofsSuffices(t *testing.T) {
	proofs := []senders.Proof{{Scheme: "bearer"}, {Scheme: "github", Secrets: []secret.String{"a"}}, {Scheme: "stripe", Secrets: []secret.String{"b"}}}
	asked := 0
	isToken := func(text string) bool { asked++; return text == "mgc_1" }
	d := post(nil, "", "{}")
	signers["github"].sign("a", d, now)
	proved, err := known.Prove(context.Background(), proofs, d, now, isToken)
	require.NoError(t, err)
	require.NotEmpty(t, proved.Signature)
	require.Equal(t, 1, asked, "every proof is tried")

	d = post(http.Header{"Authorization": {"Bearer mgc_1"}}, "", "{}")
	signers["github"].sign("wrong", d, now)
	_, err = known.Prove(context.Background(), proofs, d, now, isToken)
	require.NoError(t, err, "the token is good")
	d.Header.Del("Authorization")
	_, err = known.Prove(context.Background(), proofs, d, now, isToken)
	require.Equal(t, senders.Mismatch, err, "the reason of what was tried, and of nothing else")
	_, err = known.Prove(context.Background(), nil, d, now, isToken)
	require.Error(t, err)
	_, err = known.Prove(context.Background(), []senders.Proof{{Scheme: "unknown"}}, d, now, func(string) bool { return true })
	require.Error(t, err)
}

func TestAnEmptyTokenIsNoToken(t *testing.T) {
	for _, p := range []senders.Proof{{Scheme: "bearer"}, {Scheme: "basic"}, {Scheme: "header", Name: "X-Token"}, {Scheme: "query", Name: "token"}} {
		d := post(http.Header{"X-Token": {""}, "Authorization": {"Bearer "}}, "token=", "")
		_, err := known.Prove(context.Background(), []senders.Proof{p}, d, now, func(string) bool { return true })
		require.Error(t, err, p.Scheme)
	}
}

func TestProofsThatAreConfiguredWrongly(t *testing.T) {
	some := []secret.String{"s"}
	for says, p := range map[string]senders.Proof{
		"unknown; there are basic":  {Scheme: "md5"},
		"needs the secret":          {Scheme: "github"},
		"github needs the secret":   {Scheme: "github", Secrets: []secret.String{"s", ""}},
		"header needs a name":       {Scheme: "header"},
		"query needs a name":        {Scheme: "query"},
		"topicArn":                  {Scheme: "sns"},
		"audience":                  {Scheme: "oidc", Issuer: "https://gitlab.com"},
		"whsec_":                    {Scheme: "standard-webhooks", Secrets: some},
		"needs the header":          {Scheme: "hmac", Secrets: some},
		"algorithm":                 {Scheme: "hmac", Secrets: some, Header: "X", Algorithm: "md5"},
		"encoding":                  {Scheme: "hmac", Secrets: some, Header: "X", Encoding: "rot13"},
		"needs {{ .body }}":         {Scheme: "hmac", Secrets: some, Header: "X", Content: "{{ .timestamp }}", TimestampHeader: "Y"},
		"timestampHeader has":       {Scheme: "hmac", Secrets: some, Header: "X", Content: "{{ .timestamp }}.{{ .body }}"},
		"idHeader":                  {Scheme: "hmac", Secrets: some, Header: "X", Content: "{{ .id }}.{{ .body }}"},
		"a time that is not signed": {Scheme: "hmac", Secrets: some, Header: "X", TimestampHeader: "Y"},
		"without }}":                {Scheme: "hmac", Secrets: some, Header: "X", Content: "{{ .body }}{{ .id"},
		"{{ .secret }}; there are":  {Scheme: "hmac", Secrets: some, Header: "X", Content: "{{ .secret }}{{ .body }}"},
	} {
		require.ErrorContains(t, known.CheckProof(p), says)
		if s := known.Scheme(p.Scheme); s != nil && s.Verify != nil && p.Scheme == "hmac" {
			_, err := s.Verify(context.Background(), p, post(http.Header{"X": {"00"}, "Y": {"1"}}, "", ""), time.Unix(1, 0))
			require.ErrorContains(t, err, says, "it verifies nothing either")
		}
	}
}
