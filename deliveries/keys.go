package deliveries

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/signature"
	"beckon/internal/store"
)

// signingKey is the gateway's own ed25519 key: it signs for the endpoints with signature: standard-ed25519 that
// have none.
type signingKey struct {
	ID     string        `json:"id"`
	Secret secret.String `json:"secret"`
}

// Key returns the id.
func (k signingKey) Key() string { return k.ID }

const gatewayKey = "gateway"

// needKey makes the gateway's key when an endpoint needs it and there is none, and keeps it at hand.
func (s *Service) needKey(ctx context.Context, list []Endpoint) error {
	needed := slices.ContainsFunc(list, func(e Endpoint) bool {
		return usesGatewayKey(e) || usedGatewayKey(e, s.Now())
	})
	if !needed || s.key.Load() != nil {
		return nil
	}
	kept, err := s.keys.Get(ctx, gatewayKey)
	if problem.Is(err, problem.NotFound) {
		kept.Item = signingKey{gatewayKey, signature.NewSecret(signature.Ed25519)}
		err = s.Store.Write(ctx, func(tx store.Tx) error { return s.keys.Create(tx, kept.Item) })
		if problem.Is(err, problem.Conflict) { // another process was first
			kept, err = s.keys.Get(ctx, gatewayKey)
		}
	}
	if err == nil {
		err = kept.Warnings.Err()
	}
	if err != nil {
		return err
	}
	key := kept.Item
	if key.Secret == secret.Lost { // what does not need it goes on
		s.Log.Error("the key that signs for endpoints with standard-ed25519 was sealed with another secrets key: " +
			"restore that key")
		return nil
	}
	s.key.Store(&key.Secret)
	return nil
}

func usesGatewayKey(e Endpoint) bool {
	return signature.Scheme(e.Signature) == signature.Ed25519 && e.Secret == ""
}

// usedGatewayKey reports whether the endpoint has got a key of its own so lately that the gateway's signs beside it.
func usedGatewayKey(e Endpoint, now time.Time) bool {
	return signature.Scheme(e.Signature) == signature.Ed25519 && slices.Contains(e.signsStill(now), "")
}

// secretsOf returns what signs the deliveries of an endpoint now, newest first.
func (s *Service) secretsOf(t *target, now time.Time) ([]secret.String, error) {
	var list []secret.String
	switch {
	case !usesGatewayKey(t.Endpoint):
		list = append(list, t.Secret)
	case s.key.Load() != nil:
		list = append(list, *s.key.Load())
	default:
		return nil, problem.New(problem.Unavailable, "no_signing_key",
			"The gateway has no key to sign with. The log says why.")
	}
	if t.PreviousSecret != "" {
		list = append(list, t.PreviousSecret)
	}
	for _, old := range t.signsStill(now) {
		if old != "" {
			list = append(list, old)
		} else if key := s.key.Load(); key != nil {
			list = append(list, *key)
		}
	}
	return list, nil
}

// PublicKey verifies the deliveries of endpoints with signature: standard-ed25519.
type PublicKey struct {
	// "gateway", or what follows from the key: everybody reads it, and nobody learns from it what endpoints there
	// are
	ID  string
	Key ed25519.PublicKey
}

// PublicKeys returns all that sign now.
func (s *Service) PublicKeys() ([]PublicKey, error) {
	var list []PublicKey
	add := func(id string, from secret.String) error {
		key, err := signature.PublicKey(from)
		if err == nil && !slices.ContainsFunc(list, func(k PublicKey) bool { return k.Key.Equal(key) }) {
			list = append(list, PublicKey{cmp.Or(id, keyID(key)), key})
		}
		return err
	}
	if key := s.key.Load(); key != nil {
		if err := add(gatewayKey, *key); err != nil {
			return nil, err
		}
	}
	for _, t := range s.endpoints.Load().list {
		if signature.Scheme(t.Signature) != signature.Ed25519 {
			continue
		}
		secrets, err := s.secretsOf(t, s.Now())
		if err != nil {
			continue // there is none yet
		}
		for _, from := range secrets {
			if err := add("", from); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// keyID is the beginning of a key's hash.
func keyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:8])
}
