package oidc_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	coreos "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"beckon/calls/senders"
	"beckon/calls/senders/oidc"
)

const issuer = "https://token.actions.githubusercontent.com"

var now = time.Unix(1791191551, 0)

func newKey(t *testing.T) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func sign(t *testing.T, algorithm jose.SignatureAlgorithm, key any, claims map[string]any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, nil)
	require.NoError(t, err)
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	require.NoError(t, err)
	return token
}

func TestTokensOfCIJobs(t *testing.T) {
	key := newKey(t)
	scheme := oidc.Scheme(func(asked string) coreos.KeySet {
		require.Equal(t, issuer, asked)
		return &coreos.StaticKeySet{PublicKeys: []crypto.PublicKey{key.Public()}}
	})
	claims := map[string]any{
		"iss": issuer, "aud": "https://beckon.example", "exp": now.Add(time.Minute).Unix(), "nbf": now.Unix(), "sub": "repo:acme/shop:ref:refs/heads/release/1",
		"repository": "acme/shop", "ref": "refs/heads/release/1", "run_attempt": 2, "protected": true, "groups": []string{"a", "b"},
	}
	proof := senders.Proof{Scheme: "oidc", Issuer: issuer, Audience: "https://beckon.example", Claims: map[string]string{"repository": "acme/shop", "ref": "refs/heads/*"}}
	for name, tt := range map[string]struct {
		claims map[string]any // on top of those above; nil removes one
		asked  map[string]string
		says   string
	}{
		"good":                {},
		"a number":            {asked: map[string]string{"run_attempt": "2"}},
		"true":                {asked: map[string]string{"protected": "true"}},
		"one of a list":       {asked: map[string]string{"groups": "b"}},
		"any value":           {asked: map[string]string{"ref": "*"}},
		"a missing claim":     {asked: map[string]string{"environment": "*"}, says: "environment"},
		"null":                {claims: map[string]any{"ref": nil}, says: "ref"},
		"another repository":  {claims: map[string]any{"repository": "mallory/shop"}, says: "repository"},
		"a longer repository": {claims: map[string]any{"repository": "acme/shop2"}, says: "repository"},
		"another branch":      {claims: map[string]any{"ref": "refs/tags/v1"}, says: "ref"},
		"an object":           {claims: map[string]any{"ref": map[string]string{"refs/heads/": "x"}}, says: "ref"},
		"another audience":    {claims: map[string]any{"aud": "https://other.example"}, says: "audience"},
		"another issuer":      {claims: map[string]any{"iss": "https://gitlab.com"}, says: "issuer"},
		"expired":             {claims: map[string]any{"exp": now.Add(-time.Second).Unix()}, says: "expired"},
		"from the future":     {claims: map[string]any{"nbf": now.Add(301 * time.Second).Unix()}, says: "not valid yet"},
	} {
		t.Run(name, func(t *testing.T) {
			all := maps.Clone(claims)
			maps.Copy(all, tt.claims)
			p := proof
			if tt.asked != nil {
				p.Claims = tt.asked
			}
			require.NoError(t, scheme.Check(p))
			token := sign(t, jose.ES256, key, all)
			d := senders.Delivery{Header: http.Header{"Authorization": {"Bearer " + token}}}
			_, err := scheme.Verify(context.Background(), p, d, now)
			if tt.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.says)
			require.NotContains(t, err.Error(), token[len(token)-20:])
			require.NotContains(t, err.Error(), "mallory")
		})
	}

	good := sign(t, jose.ES256, key, claims)
	for name, header := range map[string][]string{
		"none": nil, "Basic": {"Basic " + good}, "two": {"Bearer " + good, "Bearer " + good}, "no token": {"Bearer abc.def.ghi"},
		"another key":        {"Bearer " + sign(t, jose.ES256, newKey(t), claims)},
		"the algorithm none": {"Bearer eyJhbGciOiJub25lIn0." + strings.Split(good, ".")[1] + "."},
		"HMAC":               {"Bearer " + sign(t, jose.HS256, []byte(strings.Repeat("k", 32)), claims)},
		"cut short":          {"Bearer " + good[:len(good)-2]},
	} {
		_, err := scheme.Verify(context.Background(), proof, senders.Delivery{Header: http.Header{"Authorization": header}}, now)
		require.Error(t, err, name)
	}
	for i := len(good) - 80; i < len(good)-1; i++ {
		changed := []byte(good)
		changed[i] ^= 1
		_, err := scheme.Verify(context.Background(), proof, senders.Delivery{Header: http.Header{"Authorization": {"Bearer " + string(changed)}}}, now)
		require.Error(t, err, "byte %d of the signature", i)
	}
}

func TestWhatAClientMustAskFor(t *testing.T) {
	scheme := oidc.Scheme(nil)
	good := senders.Proof{Issuer: issuer, Audience: "a", Claims: map[string]string{"repository": "acme/shop"}}
	require.NoError(t, scheme.Check(good))
	for says, change := range map[string]func(p *senders.Proof){
		"issuer":   func(p *senders.Proof) { p.Issuer = "token.actions.githubusercontent.com" },
		"audience": func(p *senders.Proof) { p.Audience = "" },
		"claims":   func(p *senders.Proof) { p.Claims = nil },
	} {
		p := good
		change(&p)
		require.ErrorContains(t, scheme.Check(p), says)
		_, err := scheme.Verify(context.Background(), p, senders.Delivery{}, now)
		require.ErrorContains(t, err, says)
	}
}

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		good          bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"*", "", true}, {"*", "a/b", true}, {"a*", "a", true}, {"a*c", "abbc", true}, {"a*c", "ac", true},
		{"ab*bc", "abc", false}, {"*b*", "abc", true}, {"a*b*c", "aXbYc", true}, {"a*b*c", "acb", false}, {"refs/heads/*", "refs/heads/a/b", true},
		{"**", "x", true}, {"a*a", "a", false}, {"*x*x*", "axb", false}, {"", "", true}, {"", "a", false},
	} {
		require.Equal(t, tt.good, oidc.Match(tt.pattern, tt.text), "%s %s", tt.pattern, tt.text)
	}
}
