package signature_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/signature"
)

// The key pair of RFC 8032 again, in the form that people are given.
const (
	private secret.String = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
	public  secret.String = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
)

func TestVerifyTakesWhatIsSigned(t *testing.T) {
	older := signature.NewSecret(signature.Standard)
	for name, tt := range map[string]struct {
		scheme   signature.Scheme
		signers  []secret.String
		verifier secret.String
	}{
		"standard":                {signature.Standard, []secret.String{specSecret}, specSecret},
		"the older of two":        {signature.Standard, []secret.String{specSecret, older}, older},
		"public key":              {signature.Ed25519, []secret.String{private}, public},
		"private key":             {signature.Ed25519, []secret.String{private}, private},
		"older public key":        {signature.Ed25519, []secret.String{signature.NewSecret(signature.Ed25519), private}, public},
		"hex":                     {signature.HMACHex, []secret.String{"a secret of both"}, "a secret of both"},
		"hex with whsec_":         {signature.HMACHex, []secret.String{specSecret}, specSecret},
		"the older of two in hex": {signature.HMACHex, []secret.String{"the newer secret", "a secret of both"}, "a secret of both"},
	} {
		t.Run(name, func(t *testing.T) {
			sent := specMessage()
			sent.Type = "run.completed"
			h := headersOf(t, tt.scheme, "Acme", sent, tt.signers...)
			got, err := signature.Verify(h, sent.Body, tt.verifier, "Acme", sent.At)
			require.NoError(t, err)
			if tt.scheme != signature.HMACHex {
				sent.Type = "" // these schemes leave it to the body
			}
			require.Equal(t, sent, got)

			_, err = signature.Verify(h, append([]byte(" "), sent.Body...), tt.verifier, "Acme", sent.At)
			require.Equal(t, signature.CodeWrong, problem.Of(err).Code, "the body was changed")
			_, err = signature.Verify(h, sent.Body, signature.NewSecret(tt.scheme), "Acme", sent.At)
			require.Equal(t, signature.CodeWrong, problem.Of(err).Code, "another secret")
		})
	}
}

func TestVerifyTakesOneFamilyAlone(t *testing.T) {
	m := specMessage()
	for _, drop := range []string{"webhook-", "svix-"} {
		h := headersOf(t, signature.Standard, "", m, specSecret)
		for _, name := range []string{"id", "timestamp", "signature"} {
			h.Del(drop + name)
		}
		got, err := signature.Verify(h, m.Body, specSecret, "", m.At)
		require.NoError(t, err)
		require.Equal(t, m.ID, got.ID)
	}
}

func TestVerifyRefuses(t *testing.T) {
	set := func(name, value string) func(http.Header) { return func(h http.Header) { h.Set(name, value) } }
	rename := func(from, to string) func(http.Header) {
		return func(h http.Header) {
			h.Set(to, h.Get(from))
			h.Del(from)
		}
	}
	m := specMessage()
	for name, tt := range map[string]struct {
		scheme   signature.Scheme
		signer   secret.String
		verifier secret.String
		late     time.Duration
		change   func(http.Header)
		code     string
	}{
		"not signed":             {change: func(h http.Header) { clear(h) }, code: signature.CodeMissing},
		"no id":                  {change: set("webhook-id", ""), code: signature.CodeMissing},
		"id with a full stop":    {change: set("webhook-id", "msg.1"), code: signature.CodeMissing},
		"another id":             {change: set("webhook-id", "msg_1"), code: signature.CodeWrong},
		"no timestamp":           {change: set("webhook-timestamp", ""), code: signature.CodeMissing},
		"timestamp as a date":    {change: set("webhook-timestamp", "2021-02-25"), code: signature.CodeMissing},
		"padded timestamp":       {change: set("webhook-timestamp", "01614265330"), code: signature.CodeMissing},
		"another timestamp":      {change: set("webhook-timestamp", "1614265331"), code: signature.CodeWrong},
		"smallest timestamp":     {change: set("webhook-timestamp", "-9223372036854775808"), code: signature.CodeExpired},
		"largest timestamp":      {change: set("webhook-timestamp", "9223372036854775807"), code: signature.CodeExpired},
		"nearly too old":         {late: signature.Tolerance, code: ""},
		"too old":                {late: signature.Tolerance + time.Second, code: signature.CodeExpired},
		"nearly too new":         {late: -signature.Tolerance, code: ""},
		"too new":                {late: -signature.Tolerance - time.Second, code: signature.CodeExpired},
		"no version":             {change: set("webhook-signature", strings.TrimPrefix(specSignature, "v1,")), code: signature.CodeWrong},
		"the other version":      {change: set("webhook-signature", "v1a"+strings.TrimPrefix(specSignature, "v1")), code: signature.CodeWrong},
		"cut off":                {change: set("webhook-signature", specSignature[:20]), code: signature.CodeWrong},
		"among some":             {change: set("webhook-signature", strings.Repeat("v2,AAAA ", 15)+specSignature), code: ""},
		"among too many":         {change: set("webhook-signature", strings.Repeat("v2,AAAA ", 16)+specSignature), code: signature.CodeWrong},
		"raw secret":             {verifier: "a secret of both", code: "invalid_secret"},
		"no secret":              {verifier: "whsec_", code: "invalid_secret"},
		"shared key for v1a":     {scheme: signature.Ed25519, signer: private, verifier: specSecret, code: signature.CodeWrong},
		"public key for v1":      {verifier: public, code: signature.CodeWrong},
		"bytes for ed25519":      {scheme: signature.Ed25519, signer: private, verifier: public, change: set("webhook-signature", "v1a,AAAA"), code: signature.CodeWrong},
		"hex of another vendor":  {scheme: signature.HMACHex, signer: "a secret of both", change: rename("X-Beckon-Signature", "X-Acme-Signature"), code: signature.CodeMissing},
		"hex without its sha256": {scheme: signature.HMACHex, signer: "a secret of both", change: set("X-Beckon-Signature", strings.Repeat("0", 64)), code: signature.CodeWrong},
		"hex by a short secret":  {scheme: signature.HMACHex, signer: "a secret of both", verifier: "short", code: "invalid_secret"},
		"hex by a public key":    {scheme: signature.HMACHex, signer: "a secret of both", verifier: public, code: "invalid_secret"},
	} {
		t.Run(name, func(t *testing.T) {
			signer, verifier := specSecret, tt.verifier
			if tt.signer != "" {
				signer = tt.signer
			}
			if verifier == "" {
				verifier = signer
			}
			h := headersOf(t, tt.scheme, "", m, signer)
			if tt.change != nil {
				tt.change(h)
			}
			got, err := signature.Verify(h, m.Body, verifier, "", m.At.Add(tt.late))
			if tt.code == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, tt.code, problem.Of(err).Code)
			require.NotEmpty(t, problem.Of(err).Detail)
			for _, s := range []secret.String{signer, verifier} {
				require.False(t, len(s) > len("whsec_") && strings.Contains(err.Error(), s.Reveal()))
			}
			require.Empty(t, got)
		})
	}
	_, err := signature.Verify(http.Header{}, nil, specSecret, "no vendor", m.At)
	require.Equal(t, "invalid_vendor", problem.Of(err).Code)
}

// A message is one of its own: no change to what is signed verifies, wherever it is.
func TestAnyChangeIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scheme := rapid.SampledFrom([]signature.Scheme{signature.Standard, signature.Ed25519}).Draw(t, "scheme")
		m := signature.Message{ID: rapid.StringMatching(`evt_[0-9A-Z]{1,26}`).Draw(t, "id"), At: time.Unix(rapid.Int64Range(1, 1<<40).Draw(t, "at"), 0),
			Body: rapid.SliceOf(rapid.Byte()).Draw(t, "body")}
		s := signature.NewSecret(scheme)
		h := http.Header{}
		require.NoError(t, signature.Sign(h, scheme, "", []secret.String{s}, m))
		_, err := signature.Verify(h, m.Body, s, "", m.At)
		require.NoError(t, err)

		other := m
		switch rapid.IntRange(0, 2).Draw(t, "part") {
		case 0:
			other.ID = rapid.StringMatching(`evt_[0-9A-Z]{1,26}`).Filter(func(id string) bool { return id != m.ID }).Draw(t, "other id")
		case 1:
			other.At = m.At.Add(time.Duration(rapid.IntRange(1, 300).Draw(t, "later")) * time.Second)
		case 2:
			i := rapid.IntRange(0, len(m.Body)).Draw(t, "where")
			other.Body = append(append(append([]byte{}, m.Body[:i]...), rapid.Byte().Draw(t, "byte")), m.Body[i:]...)
		}
		h.Set("webhook-id", other.ID)
		h.Set("webhook-timestamp", fmt.Sprint(other.At.Unix()))
		_, err = signature.Verify(h, other.Body, s, "", m.At)
		require.Equal(t, signature.CodeWrong, problem.Of(err).Code)
	})
}
