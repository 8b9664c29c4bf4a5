// Package oidc is the scheme of CI jobs: the token that their own platform gives them proves which repository,
// branch or environment they belong to, and no secret stands in the pipeline.
package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"beckon/calls/senders"
)

// Keys returns the keys of an issuer. It caches them, and bounds how often it asks.
type Keys func(issuer string) oidc.KeySet

// algorithms are those with a public key: with any other, who knows the key could sign as well.
var algorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256,
	oidc.PS384, oidc.PS512, oidc.EdDSA,
}

// Scheme is {scheme: oidc, issuer, audience, claims: {repository: acme/shop, ref: "refs/heads/*"}}.
func Scheme(keys Keys) *senders.Sender {
	return &senders.Sender{
		Name: "oidc", Title: "OpenID Connect", Group: senders.Proofs, Check: check, Keyless: true,
		Verify: func(ctx context.Context, p senders.Proof, d senders.Delivery, now time.Time) (senders.Proved, error) {
			return senders.Proved{}, verify(ctx, keys, p, d, now)
		},
		Shows: func(_ senders.Proof, d senders.Delivery) bool {
			raw, err := senders.Bearer(d.Header)
			return err == nil && strings.Count(raw, ".") == 2
		},
	}
}

func check(p senders.Proof) error {
	issuer, err := url.Parse(p.Issuer)
	switch {
	case err != nil || issuer.Scheme != "https" && issuer.Scheme != "http" || issuer.Host == "":
		return senders.Refuse("issuer is the URL of the platform, such as https://token.actions.githubusercontent.com")
	case p.Audience == "":
		return senders.Refuse("audience is required: a token that was made for somebody else must not be good here")
	case len(p.Claims) == 0:
		return senders.Refuse("claims needs at least one, such as {repository: acme/shop}: " +
			"everybody's jobs have tokens of the same issuer")
	}
	return nil
}

func verify(ctx context.Context, keys Keys, p senders.Proof, d senders.Delivery, now time.Time) error {
	if err := check(p); err != nil {
		return err
	}
	raw, err := senders.Bearer(d.Header)
	if err != nil {
		return err
	}
	verifier := oidc.NewVerifier(p.Issuer, keys(p.Issuer), &oidc.Config{
		ClientID: p.Audience, SupportedSigningAlgs: algorithms, Now: func() time.Time { return now },
	})
	proved, err := verifier.Verify(ctx, raw)
	if err != nil {
		return reason(err)
	}
	var claims map[string]json.RawMessage
	if err := proved.Claims(&claims); err != nil {
		return senders.Refuse("The claims of the token cannot be read.")
	}
	for name, pattern := range p.Claims {
		if !slices.ContainsFunc(texts(claims[name]), func(text string) bool { return Match(pattern, text) }) {
			return senders.Refuse("The token's claim %s is missing, or is not what the client asks for.", name)
		}
	}
	return nil
}

// reason says in our own words what is wrong; the library quotes the token.
func reason(err error) error {
	var expired *oidc.TokenExpiredError
	switch {
	case errors.As(err, &expired):
		return senders.Refuse("The token has expired.")
	case strings.Contains(err.Error(), "audience"):
		return senders.Refuse("The token was made for another audience.")
	case strings.Contains(err.Error(), "different provider"):
		return senders.Refuse("The token is of another issuer.")
	case strings.Contains(err.Error(), "before the nbf"):
		return senders.Refuse("The token is not valid yet.")
	}
	return senders.Refuse("The token is none, or is not signed with a key of the issuer.")
}

// texts returns a claim as texts: what a list holds, or the one value.
func texts(claim json.RawMessage) []string {
	var list []json.RawMessage
	if json.Unmarshal(claim, &list) != nil {
		list = []json.RawMessage{claim}
	}
	var all []string
	for _, one := range list {
		var value any
		if json.Unmarshal(one, &value) != nil {
			continue
		}
		switch value := value.(type) {
		case string:
			all = append(all, value)
		case bool:
			all = append(all, strconv.FormatBool(value))
		case float64:
			all = append(all, string(one))
		}
	}
	return all
}

// Match reports whether a text is what a pattern says, where "*" stands for any text, also for none and across slashes.
func Match(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return pattern == text
	}
	if len(text) < len(first)+len(last) || !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return true
}
