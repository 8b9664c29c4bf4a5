package signature_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/signature"
)

func unhex(t *testing.T, text string) []byte {
	raw, err := hex.DecodeString(text)
	require.NoError(t, err)
	return raw
}

// ofBytes is a key of Standard Webhooks with so many bytes.
func ofBytes(prefix string, n int) secret.String {
	return secret.String(prefix + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xfb}, n)))
}

func TestCheck(t *testing.T) {
	printable := strings.Repeat("~ ", 512)
	for name, tt := range map[string]struct {
		scheme signature.Scheme
		good   []secret.String
		bad    []secret.String
		says   string
	}{
		"standard": {signature.Standard,
			[]secret.String{specSecret, ofBytes("whsec_", 24), ofBytes("whsec_", 32), ofBytes("whsec_", 64)},
			[]secret.String{"", "whsec_", ofBytes("whsec_", 23), ofBytes("whsec_", 65), ofBytes("", 32), ofBytes("whsk_", 32), specSecret + "\n", " " + specSecret,
				specSecret[:20] + "\n" + specSecret[20:], "whsec_" + secret.String(base64.RawStdEncoding.EncodeToString(make([]byte, 32))),
				"whsec_" + secret.String(base64.URLEncoding.EncodeToString(bytes.Repeat([]byte{0xfb}, 24))), ofBytes("whsec_", 31)[:47] + "9="},
			"whsec_"},
		"no name is standard": {"", []secret.String{specSecret}, []secret.String{"a secret that is printable"}, "whsec_"},
		"ed25519": {signature.Ed25519,
			[]secret.String{ofBytes("whsk_", 32)},
			[]secret.String{"", ofBytes("whsk_", 31), ofBytes("whsk_", 33), ofBytes("whpk_", 32), ofBytes("whsec_", 32), ofBytes("", 32),
				ofBytes("whsk_", 64)}, // its second half is not the public key of the first
			"whsk_"},
		"hex": {signature.HMACHex,
			[]secret.String{"0123456789abcdef", secret.String(printable), specSecret, "whsec_not-base64!"},
			[]secret.String{"", "0123456789abcde", secret.String(printable + "x"), "0123456789abcdef\n", "0123456789abcdefü"},
			"16 to 1024"},
		"hex with a key that is public": {signature.HMACHex, nil, []secret.String{ofBytes("whpk_", 32), ofBytes("whsk_", 32)}, "ed25519"},
		"unknown":                       {"rot13", nil, []secret.String{specSecret}, "standard, standard-ed25519 or hmac-sha256-hex"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, s := range tt.good {
				require.NoError(t, signature.Check(tt.scheme, s), s.Reveal())
			}
			for _, s := range tt.bad {
				err := signature.Check(tt.scheme, s)
				require.True(t, problem.Is(err, problem.Invalid), "%q", s.Reveal())
				require.Contains(t, err.Error(), tt.says)
				if len(s) > 8 {
					require.NotContains(t, err.Error(), s.Reveal()[6:])
				}
			}
		})
	}
}

func TestCheckVerifier(t *testing.T) {
	for _, s := range []secret.String{specSecret, public, private, "a secret of both"} {
		require.NoError(t, signature.CheckVerifier(s))
	}
	for _, s := range []secret.String{"", "short", public[:40], private[:40], specSecret + "\n"} {
		err := signature.CheckVerifier(s)
		require.True(t, problem.Is(err, problem.Invalid), s.Reveal())
		require.False(t, s != "" && strings.Contains(err.Error(), s.Reveal()))
	}
}

func TestNewSecretsAreGoodAndDiffer(t *testing.T) {
	for scheme, form := range map[signature.Scheme]string{
		signature.Standard: `^whsec_[A-Za-z0-9+/]{43}=$`, "": `^whsec_`, signature.Ed25519: `^whsk_[A-Za-z0-9+/]{43}=$`, signature.HMACHex: `^[0-9a-f]{64}$`,
	} {
		a, b := signature.NewSecret(scheme), signature.NewSecret(scheme)
		require.NoError(t, signature.Check(scheme, a))
		require.Regexp(t, form, a.Reveal())
		require.NotEqual(t, a.Reveal(), b.Reveal())
	}
}
