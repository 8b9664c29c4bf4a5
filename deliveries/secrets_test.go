package deliveries_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/deliveries"
	"beckon/events"
	"beckon/internal/secret"
	"beckon/internal/signature"
	"beckon/internal/store/storetest"
)

// Whatever the way in which a secret is replaced, and however often, it signs on for a day.
func TestSecretsThatWereReplacedSignOn(t *testing.T) {
	for scheme, headers := range map[signature.Scheme][]string{signature.Standard: {"Webhook-Signature"}, signature.Ed25519: {"Webhook-Signature"},
		signature.HMACHex: {"X-Beckon-Signature", "X-Beckon-Signature-Previous"}} {
		t.Run(string(scheme), func(t *testing.T) {
			s := storetest.Open(t, storetest.SQLite(t))
			r := newReceiver(t, nil)
			p := newPlant(t, s)
			secrets := []secret.String{signature.NewSecret(scheme)}
			e := endpoint("ops", r, func(e *deliveries.Endpoint) { e.Signature, e.Secret = string(scheme), secrets[0] })
			signs := func(from int) {
				require.Empty(t, e.Check())
				require.NoError(t, p.Use(t.Context(), []deliveries.Endpoint{e}))
				n := len(r.got())
				p.happens(ofTriage, events.RunCompleted)
				got := r.gets(t, n+1)[n]
				for i, key := range secrets {
					_, err := signature.Verify(got.header, []byte(got.body), key, "", p.clock.Now())
					require.Equal(t, i >= from, err == nil, "secret %d of %d: %v", i, len(secrets), err)
				}
				signatures := 0
				for _, name := range headers {
					signatures += len(strings.Fields(strings.Join(got.header.Values(name), " ")))
				}
				require.Equal(t, len(secrets)-from, signatures, "one of each")
			}
			for range 3 {
				secrets = append(secrets, signature.NewSecret(scheme))
				e = e.Revised(deliveries.Endpoint{ID: "ops", URL: e.URL, Signature: e.Signature, Secret: secrets[len(secrets)-1]})
				signs(0)
			}
			e = e.Revised(deliveries.Endpoint{ID: "ops", URL: e.URL, Signature: e.Signature, Secret: secret.Mask})
			require.Equal(t, 24*time.Hour, time.Until(e.OverlapUntil()).Round(time.Minute))
			signs(0)
			e = e.Revised(deliveries.Endpoint{ID: "ops", URL: e.URL, Signature: e.Signature, Secret: secrets[1]})
			secrets = append(slices.Delete(secrets, 1, 2), secrets[1]) // one that comes back is the newest, and is there once
			signs(0)
			for range 6 {
				secrets = append(secrets, signature.NewSecret(scheme))
				e = e.Revised(deliveries.Endpoint{ID: "ops", URL: e.URL, Signature: e.Signature, Secret: secrets[len(secrets)-1]})
			}
			signs(len(secrets) - 6)
			p.clock.advance(25 * time.Hour)
			signs(len(secrets) - 1)
		})
	}
}

func TestASecretOfAnotherSignatureDoesNotSign(t *testing.T) {
	e := deliveries.Endpoint{ID: "ops", URL: "https://e.com", Secret: testSecret}
	e = e.Revised(deliveries.Endpoint{ID: "ops", URL: "https://e.com", Secret: signature.NewSecret(signature.Standard)})
	require.Len(t, e.Retired, 1)
	e = e.Revised(deliveries.Endpoint{ID: "ops", URL: "https://e.com", Signature: "hmac-sha256-hex", Secret: "0123456789abcdef"})
	require.Empty(t, e.Retired)
	e.Secret = secret.Lost
	e = e.Revised(deliveries.Endpoint{ID: "ops", URL: "https://e.com", Signature: "hmac-sha256-hex", Secret: "fedcba9876543210"})
	require.Empty(t, e.Retired, "what nobody has cannot sign")
}

// The list of public keys is for everybody; it does not say what endpoints there are.
func TestPublicKeysNameNoEndpoint(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	r := newReceiver(t, nil)
	own := func(e *deliveries.Endpoint) {
		e.Signature, e.Secret = "standard-ed25519", signature.NewSecret(signature.Ed25519)
	}
	p := newPlant(t, s, endpoint("acquisition", r, own), endpoint("other", r, own), endpoint("shared", r, func(e *deliveries.Endpoint) { e.Signature, e.Secret = "standard-ed25519", "" }))
	keys, err := p.PublicKeys()
	require.NoError(t, err)
	require.Len(t, keys, 3)
	require.Equal(t, "gateway", keys[0].ID)
	require.Regexp(t, "^[0-9a-f]{16}$", keys[1].ID)
	require.NotEqual(t, keys[1].ID, keys[2].ID)
}

func TestACallersEventsAreItsOwn(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	p := newPlant(t, s)
	p.EventNames = func() []string { return []string{"acquisition.found"} }
	_, err := p.Accept("ci", nil, []byte(`{"url":"http://127.0.0.1:9999/","events":["run.ended"]}`))
	require.ErrorContains(t, err, "run.completed")
	require.NotContains(t, err.Error(), "acquisition")
	_, err = p.Accept("ci", nil, []byte(`{"url":"http://127.0.0.1:9999/","events":["acquisition.found"]}`))
	require.NoError(t, err)
}
