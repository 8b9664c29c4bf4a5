package forms

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
	"time"

	"beckon/internal/secret"
)

// Path is the path of public addresses, in front of the key.
const Path = "/f/"

const keyPrefix = "pk_"

// NewKey makes a key. It names a form without telling which client it is; it is public, and no secret.
func NewKey() string { return keyPrefix + strings.ToLower(rand.Text()) }

// KeyOf returns the key of a form that a configuration file declares without a key. It is derived from the
// gateway's secrets key, so that all replicas have the same one, and nobody can compute it from the client's id.
func KeyOf(gateway secret.String, clientID string) (string, error) {
	derived, err := hkdf.Key(sha256.New, []byte(gateway), nil, "beckon forms v1 "+clientID, 16)
	if err != nil {
		return "", fmt.Errorf("derive the key of a form: %w", err)
	}
	return keyPrefix + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(derived)), nil
}

// ValidKey reports whether a text can be the key of a form.
func ValidKey(key string) bool {
	rest, ok := strings.CutPrefix(key, keyPrefix)
	return ok && len(rest) >= 16 && len(rest) <= 64 && !strings.ContainsFunc(rest, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
}

// WithKey returns the form with another key. The one before stays good for a while beside it.
func (f Form) WithKey(key string, overlap time.Duration, now time.Time) Form {
	old := slices.DeleteFunc(slices.Clone(f.OldKeys), func(o OldKey) bool {
		return overlap <= 0 || !now.Before(o.Until)
	})
	if f.Key != "" && overlap > 0 {
		old = append(old, OldKey{f.Key, now.Add(overlap).UTC().Truncate(time.Millisecond)})
	}
	f.Key, f.OldKeys = key, old
	return f
}

// HasKey reports whether a key of the form is good at a time.
func (f Form) HasKey(key string, now time.Time) bool {
	return f.Key == key || slices.ContainsFunc(f.OldKeys, func(o OldKey) bool {
		return o.Key == key && now.Before(o.Until)
	})
}
