package signature_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/signature"
)

// The example of the specification, which its libraries test with: https://www.standardwebhooks.com
const specSecret secret.String = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
const specSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

func specMessage() signature.Message {
	return signature.Message{ID: "msg_p5jXN8AQM9LWM0D4loKWxJek", At: time.Unix(1614265330, 0), Body: []byte(`{"test": 2432232314}`)}
}

// The first test of RFC 8032, section 7.1, gives a key pair that others have computed.
const (
	rfcSeed   = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
	rfcPublic = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
)

func headersOf(t *testing.T, scheme signature.Scheme, vendor string, m signature.Message, secrets ...secret.String) http.Header {
	h := http.Header{}
	require.NoError(t, signature.Sign(h, scheme, vendor, secrets, m))
	return h
}

func TestTheVectorOfTheSpecification(t *testing.T) {
	for _, scheme := range []signature.Scheme{signature.Standard, ""} {
		h := headersOf(t, scheme, "", specMessage(), specSecret)
		for name, want := range map[string]string{"id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "timestamp": "1614265330", "signature": specSignature} {
			require.Equal(t, want, h.Get("webhook-"+name))
			require.Equal(t, want, h.Get("svix-"+name))
		}
		require.Len(t, h, 6)
	}
}

func TestTheLibraryOfTheSpecificationVerifiesWhatIsSigned(t *testing.T) {
	older, newer := signature.NewSecret(signature.Standard), signature.NewSecret(signature.Standard)
	m := specMessage()
	m.At = time.Now()
	for name, body := range map[string][]byte{"JSON": []byte(`{"a":1}`), "none": nil, "bytes": {0, '%', 's', 0xff, '\n'}} {
		t.Run(name, func(t *testing.T) {
			m.Body = body
			h := headersOf(t, signature.Standard, "", m, newer, older)
			for _, s := range []secret.String{newer, older} {
				receiver, err := standardwebhooks.NewWebhook(s.Reveal())
				require.NoError(t, err)
				require.NoError(t, receiver.Verify(body, h))
				require.Error(t, receiver.Verify(append([]byte(" "), body...), h))
			}
		})
	}
}

func TestAnEd25519SignatureIsOverIDTimestampAndBody(t *testing.T) {
	seed, public := unhex(t, rfcSeed), ed25519.PublicKey(unhex(t, rfcPublic))
	whole := append(slices.Clone(seed), public...)
	for name, raw := range map[string][]byte{"seed": seed, "whole key": whole} {
		t.Run(name, func(t *testing.T) {
			s := secret.String("whsk_" + base64.StdEncoding.EncodeToString(raw))
			h := headersOf(t, signature.Ed25519, "", specMessage(), s)
			encoded, ok := strings.CutPrefix(h.Get("webhook-signature"), "v1a,")
			require.True(t, ok)
			signed, err := base64.StdEncoding.DecodeString(encoded)
			require.NoError(t, err)
			require.True(t, ed25519.Verify(public, []byte(`msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}`), signed))
			require.Equal(t, h.Get("webhook-signature"), h.Get("svix-signature"))

			got, err := signature.PublicKey(s)
			require.NoError(t, err)
			require.Equal(t, public, got)
			require.Equal(t, "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", signature.EncodePublicKey(got))
		})
	}
	_, err := signature.PublicKey(specSecret)
	require.True(t, problem.Is(err, problem.Invalid))
}

func TestHexSignsTheBodyWithTheSecretAsItIsWritten(t *testing.T) {
	// Made with:
	// printf '{"a":1}' | openssl dgst -sha256 -hmac whsec_not-base64-at-all!
	const want = "sha256=b2569953ae570d859d0993d8c972d39b01b370e52a30a7ca211d1b3a9efd7091"
	m := signature.Message{ID: "evt_1", Type: "run.completed", At: time.Unix(1614265330, 0), Body: []byte(`{"a":1}`)}
	h := headersOf(t, signature.HMACHex, "", m, "whsec_not-base64-at-all!")
	require.Equal(t, http.Header{"X-Beckon-Signature": {want}, "X-Beckon-Event": {"run.completed"}, "X-Beckon-Timestamp": {"1614265330"}, "X-Beckon-Delivery": {"evt_1"}}, h)

	h = headersOf(t, signature.HMACHex, "Acme-2", m, "the newest secret", "whsec_not-base64-at-all!", "one from long ago")
	require.Equal(t, want, h.Get("X-Acme-2-Signature-Previous"))
	require.NotEqual(t, want, h.Get("X-Acme-2-Signature"))
	require.Len(t, h, 5)

	m.Type = ""
	require.NotContains(t, slices.Collect(maps.Keys(headersOf(t, signature.HMACHex, "", m, "whsec_not-base64-at-all!"))), "X-Beckon-Event")
}

func TestSignRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		scheme  signature.Scheme
		vendor  string
		secrets []secret.String
		change  func(*signature.Message)
		code    string
	}{
		"no secret":          {code: "no_secret"},
		"bad secret":         {secrets: []secret.String{"hunter22"}, code: "invalid_secret"},
		"bad old secret":     {secrets: []secret.String{specSecret, "hunter22"}, code: "invalid_secret"},
		"secret of another":  {scheme: signature.Ed25519, secrets: []secret.String{specSecret}, code: "invalid_secret"},
		"unknown scheme":     {scheme: "rot13", secrets: []secret.String{specSecret}, code: "unknown_signature"},
		"vendor":             {scheme: signature.HMACHex, vendor: "A\r\nB", secrets: []secret.String{specSecret}, code: "invalid_vendor"},
		"long vendor":        {scheme: signature.HMACHex, vendor: strings.Repeat("a", 41), secrets: []secret.String{specSecret}, code: "invalid_vendor"},
		"no id":              {secrets: []secret.String{specSecret}, change: func(m *signature.Message) { m.ID = "" }, code: "invalid_message"},
		"full stop in id":    {secrets: []secret.String{specSecret}, change: func(m *signature.Message) { m.ID = "evt.1" }, code: "invalid_message"},
		"line break in id":   {secrets: []secret.String{specSecret}, change: func(m *signature.Message) { m.ID = "evt_1\n" }, code: "invalid_message"},
		"long id":            {secrets: []secret.String{specSecret}, change: func(m *signature.Message) { m.ID = strings.Repeat("a", 257) }, code: "invalid_message"},
		"line break in type": {secrets: []secret.String{specSecret}, change: func(m *signature.Message) { m.Type = "run\r\nX: y" }, code: "invalid_message"},
		"no time":            {secrets: []secret.String{specSecret}, change: func(m *signature.Message) { m.At = time.Time{} }, code: "invalid_message"},
	} {
		t.Run(name, func(t *testing.T) {
			m := specMessage()
			if tt.change != nil {
				tt.change(&m)
			}
			h := http.Header{"X-Env": {"prod"}}
			err := signature.Sign(h, tt.scheme, tt.vendor, tt.secrets, m)
			require.Equal(t, tt.code, problem.Of(err).Code)
			require.NotContains(t, err.Error(), "hunter22")
			require.Equal(t, http.Header{"X-Env": {"prod"}}, h, "what is refused changes nothing")
		})
	}
}
