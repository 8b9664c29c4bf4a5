package all_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/calls/senders"
	"beckon/internal/secret"
)

var now = time.Unix(1791191551, 0)

func mac(newHash func() hash.Hash, key, content string) []byte {
	m := hmac.New(newHash, []byte(key))
	m.Write([]byte(content))
	return m.Sum(nil)
}

func hex256(key, content string) string { return hex.EncodeToString(mac(sha256.New, key, content)) }

// signer signs as a sender does, written from its documentation and apart from the code under test.
type signer struct {
	proof  senders.Proof
	header string // that has the signature
	sign   func(key string, d senders.Delivery, at time.Time)
	times  bool // the signature has a time
	form   bool
	body   string // in place of a JSON object
	whsec  bool   // secrets are whsec_ and base64
}

func simple(header, prefix string) func(string, senders.Delivery, time.Time) {
	return func(key string, d senders.Delivery, _ time.Time) {
		d.Header.Set(header, prefix+hex256(key, string(d.Body)))
	}
}

func signedAt(header, timeHeader, prefix, between, after string) func(string, senders.Delivery, time.Time) {
	return func(key string, d senders.Delivery, at time.Time) {
		ts := strconv.FormatInt(at.Unix(), 10)
		d.Header.Set(timeHeader, ts)
		d.Header.Set(header, prefix+hex256(key, between+ts+after+string(d.Body)))
	}
}

func standard(family string) func(string, senders.Delivery, time.Time) {
	return func(key string, d senders.Delivery, at time.Time) {
		ts := strconv.FormatInt(at.Unix(), 10)
		raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(key, "whsec_"))
		d.Header.Set(family+"Id", "msg_1")
		d.Header.Set(family+"Timestamp", ts)
		d.Header.Set(family+"Signature", "v1,"+base64.StdEncoding.EncodeToString(mac(sha256.New, string(raw), "msg_1."+ts+"."+string(d.Body))))
	}
}

func twilio(key string, d senders.Delivery, _ time.Time) {
	content := d.URL.String()
	fields := d.Form()
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		content += name + fields.Get(name)
	}
	d.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac(sha1.New, key, content)))
}

var signers = map[string]signer{
	"github":    {header: "X-Hub-Signature-256", sign: simple("X-Hub-Signature-256", "sha256=")},
	"bitbucket": {header: "X-Hub-Signature", sign: simple("X-Hub-Signature", "sha256=")},
	"jira":      {header: "X-Hub-Signature", sign: simple("X-Hub-Signature", "sha256=")},
	"gitea":     {header: "X-Gitea-Signature", sign: simple("X-Gitea-Signature", "")},
	"sentry":    {header: "Sentry-Hook-Signature", sign: simple("Sentry-Hook-Signature", "")},
	"pagerduty": {header: "X-Pagerduty-Signature", sign: simple("X-Pagerduty-Signature", "v1=")},
	"grafana":   {header: "X-Grafana-Alerting-Signature", sign: simple("X-Grafana-Alerting-Signature", "")},
	"grafana with a time": {header: "X-Grafana-Alerting-Signature", times: true, proof: senders.Proof{Scheme: "grafana", TimestampHeader: "X-Time"},
		sign: signedAt("X-Grafana-Alerting-Signature", "X-Time", "", "", ":")},
	"slack": {header: "X-Slack-Signature", times: true, sign: signedAt("X-Slack-Signature", "X-Slack-Request-Timestamp", "v0=", "v0:", ":")},
	"stripe": {header: "Stripe-Signature", times: true, sign: func(key string, d senders.Delivery, at time.Time) {
		ts := strconv.FormatInt(at.Unix(), 10)
		d.Header.Set("Stripe-Signature", "t="+ts+",v1="+hex256(key, ts+"."+string(d.Body)))
	}},
	"shopify": {header: "X-Shopify-Hmac-Sha256", sign: func(key string, d senders.Delivery, _ time.Time) {
		d.Header.Set("X-Shopify-Hmac-Sha256", base64.StdEncoding.EncodeToString(mac(sha256.New, key, string(d.Body))))
	}},
	"linear":            {header: "Linear-Signature", sign: simple("Linear-Signature", ""), body: `{"webhookTimestamp":1791191551000, "type":"Issue"}`},
	"twilio":            {header: "X-Twilio-Signature", sign: twilio, form: true},
	"gitlab":            {header: "Webhook-Signature", times: true, whsec: true, sign: standard("Webhook-")},
	"standard-webhooks": {header: "Webhook-Signature", times: true, whsec: true, sign: standard("Webhook-")},
	"svix":              {header: "Svix-Signature", times: true, whsec: true, sign: standard("Svix-"), proof: senders.Proof{Scheme: "standard-webhooks"}},
	"hmac":              {header: "X-Sig", sign: simple("X-Sig", "sha256="), proof: senders.Proof{Scheme: "hmac", Header: "X-Sig", Prefix: "sha256="}},
	"hmac with a time": {header: "X-Sig", times: true, sign: signedAt("X-Sig", "X-Time", "", "", "."),
		proof: senders.Proof{Scheme: "hmac", Header: "X-Sig", Content: "{{ .timestamp }}.{{ .body }}", TimestampHeader: "X-Time"}},
	"hmac of everything": {header: "X-Sig", times: true,
		proof: senders.Proof{Scheme: "hmac", Header: "X-Sig", Algorithm: "sha512", Encoding: "base64", TimestampHeader: "X-Time", IDHeader: "X-Id",
			Content: "{{.method}}\n{{ .url }}\n{{ .id }}\n{{.timestamp}}\n{{.body}}\n"},
		sign: func(key string, d senders.Delivery, at time.Time) {
			ts := strconv.FormatInt(at.Unix(), 10)
			d.Header.Set("X-Time", ts)
			d.Header.Set("X-Id", "7")
			content := fmt.Sprintf("POST\n%s\n7\n%s\n%s\n", d.URL, ts, d.Body)
			d.Header.Set("X-Sig", base64.StdEncoding.EncodeToString(mac(sha512.New, key, content)))
		}},
}

func (s signer) secret(text string) string {
	if s.whsec {
		return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(text, 8)))
	}
	return text
}

func (s signer) delivery(key string, at time.Time) senders.Delivery {
	d := senders.Delivery{Method: "POST", Header: http.Header{}, URL: &url.URL{Scheme: "https", Host: "beckon.example", Path: "/api/v1/webhooks/x", RawQuery: "a=1"}}
	d.Body = []byte(`{"hello": "world", "id":"7","n":1.50}`)
	if s.body != "" {
		d.Body = []byte(s.body)
	}
	if s.form {
		d.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		d.Body = []byte("From=%2B441&Body=Hello+there&A=")
	}
	s.sign(key, d, at)
	return d
}

func eachSigner(t *testing.T, fn func(t *testing.T, s signer, verify func(d senders.Delivery, secrets ...string) error)) {
	for name, s := range signers {
		t.Run(name, func(t *testing.T) {
			if s.proof.Scheme == "" {
				s.proof.Scheme = name
			}
			fn(t, s, func(d senders.Delivery, secrets ...string) error {
				p := s.proof
				for _, one := range secrets {
					p.Secrets = append(p.Secrets, secret.String(one))
				}
				proved, err := known.Scheme(p.Scheme).Verify(context.Background(), p, d, now)
				if err != nil {
					require.Empty(t, proved)
					require.IsType(t, senders.Refusal(""), err)
					for _, one := range secrets {
						require.False(t, one != "" && strings.Contains(err.Error(), one), err)
					}
					if sent := d.Header.Get(s.header); len(sent) > 10 {
						require.NotContains(t, err.Error(), sent[len(sent)-10:])
					}
				} else {
					require.NotEmpty(t, proved.Signature)
					require.Equal(t, s.times || s.body != "", !proved.At.IsZero())
				}
				return err
			})
		})
	}
}

func TestSignatures(t *testing.T) {
	eachSigner(t, func(t *testing.T, s signer, verify func(senders.Delivery, ...string) error) {
		mine, other := s.secret("mine-7f3"), s.secret("other-9c2")
		require.NoError(t, known.CheckProof(func() senders.Proof { p := s.proof; p.Secrets = []secret.String{secret.String(mine)}; return p }()))
		d := s.delivery(mine, now)
		require.NoError(t, verify(d, mine))
		require.NoError(t, verify(d, mine, other))
		require.NoError(t, verify(d, other, mine), "a secret that is being replaced")
		require.Error(t, verify(d, other), "another's secret")
		require.Error(t, verify(d), "no secret")
		require.Error(t, verify(d, ""), "an empty secret")
		require.Error(t, verify(s.delivery("", now), ""), "an empty secret that has signed")
		require.Error(t, verify(s.delivery("", now), "", mine), "an empty secret that has signed")

		d.Header.Add(s.header, d.Header.Get(s.header))
		require.Error(t, verify(d, mine), "two headers")
		d.Header.Del(s.header)
		require.Error(t, verify(d, mine), "no header")
		d.Header.Set(s.header, "")
		require.Error(t, verify(d, mine), "an empty header")
	})
}

func TestSignaturesWithOneBitChanged(t *testing.T) {
	eachSigner(t, func(t *testing.T, s signer, verify func(senders.Delivery, ...string) error) {
		mine := s.secret("mine-7f3")
		for i := range s.delivery(mine, now).Body {
			d := s.delivery(mine, now)
			d.Body[i] ^= 1 << (i % 8)
			require.Error(t, verify(d, mine), "byte %d of the body", i)
		}
		good := s.delivery(mine, now)
		for name := range good.Header {
			if name == "Content-Type" {
				continue
			}
			for i := range good.Header.Get(name) {
				d := s.delivery(mine, now)
				value := []byte(d.Header.Get(name))
				value[i] ^= 1
				d.Header.Set(name, string(value))
				require.Error(t, verify(d, mine), "byte %d of %s: %s", i, name, value)
			}
			d := s.delivery(mine, now)
			d.Header.Set(name, good.Header.Get(name)[:len(good.Header.Get(name))-1])
			require.Error(t, verify(d, mine), "%s cut short", name)
		}
		reencoded := s.delivery(mine, now)
		reencoded.Body = []byte(strings.ReplaceAll(strings.ReplaceAll(string(reencoded.Body), ": ", ":"), "+", "%20"))
		if !s.form && s.body == "" {
			require.Error(t, verify(reencoded, mine), "the same JSON in other bytes")
		}
	})
}

func TestTimesOfSignatures(t *testing.T) {
	eachSigner(t, func(t *testing.T, s signer, verify func(senders.Delivery, ...string) error) {
		mine := s.secret("mine-7f3")
		for seconds, good := range map[int]bool{-301: false, -300: true, 0: true, 300: true, 301: false, -1e9: false, 1e12: false} {
			d := s.delivery(mine, now.Add(time.Duration(seconds)*time.Second))
			if s.body != "" {
				d.Body = []byte(strings.Replace(s.body, "1791191551000", strconv.Itoa((1791191551+seconds)*1000), 1))
				s.sign(mine, d, now)
			}
			if !s.times && s.body == "" {
				good = true
			}
			require.Equal(t, good, verify(d, mine) == nil, "%d s", seconds)
		}
	})
}

func TestDeliveryKeys(t *testing.T) {
	body, other := []byte("a"), []byte("b")
	signed := senders.Proved{DeliveryID: "1", Signed: true, Signature: "s", At: now}
	unsigned := senders.Proved{DeliveryID: "1", Signature: "s"}
	require.Equal(t, signed.DeliveryKey("x", body), signed.DeliveryKey("", other), "the signature covers the id")
	require.Equal(t, unsigned.DeliveryKey("", body), unsigned.DeliveryKey("2", body))
	require.NotEqual(t, unsigned.DeliveryKey("", body), unsigned.DeliveryKey("", other), "the same id with other bytes")
	require.NotEqual(t, signed.DeliveryKey("", body), unsigned.DeliveryKey("", body))
	token := senders.Proved{}
	require.NotEmpty(t, token.DeliveryKey("1", body))
	require.NotEqual(t, token.DeliveryKey("1", body), token.DeliveryKey("1", other))
	timed := senders.Proved{Signature: "s", At: now}
	require.Equal(t, timed.DeliveryKey("", body), timed.DeliveryKey("", other))
	require.NotEqual(t, timed.DeliveryKey("", body), senders.Proved{Signature: "s", At: now.Add(time.Second)}.DeliveryKey("", body))
	require.Empty(t, senders.Proved{Signature: "s"}.DeliveryKey("", body), "two equal pings are two pings")
	require.Empty(t, senders.Proved{}.DeliveryKey("", body))
}

func TestTheIDsThatSignaturesCover(t *testing.T) {
	for scheme, d := range map[string]struct {
		id     string
		signed bool
	}{
		"stripe": {"7", true}, "gitlab": {"msg_1", true}, "standard-webhooks": {"msg_1", true}, "hmac of everything": {"7", true},
		"github": {"id", false}, "gitea": {"id", false}, "bitbucket": {"id", false}, "shopify": {"id", false}, "linear": {"id", false},
		"sentry": {"id", false}, "jira": {"id", false}, "twilio": {"id", false}, "grafana": {"", false},
	} {
		s := signers[scheme]
		delivery := s.delivery(s.secret("mine-7f3"), now)
		for _, name := range []string{"X-Github-Delivery", "X-Gitea-Delivery", "X-Request-Uuid", "X-Shopify-Webhook-Id", "Linear-Delivery", "Request-Id",
			"X-Atlassian-Webhook-Identifier", "I-Twilio-Idempotency-Token"} {
			delivery.Header.Set(name, "id")
		}
		p := s.proof
		if p.Scheme == "" {
			p.Scheme = scheme
		}
		p.Secrets = []secret.String{secret.String(s.secret("mine-7f3"))}
		proved, err := known.Scheme(p.Scheme).Verify(context.Background(), p, delivery, now)
		require.NoError(t, err)
		require.Equal(t, d.id, proved.DeliveryID, scheme)
		require.Equal(t, d.signed, proved.Signed, scheme)
	}
}
