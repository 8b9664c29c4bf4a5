package deliveries

import (
	"cmp"
	"slices"
	"time"

	"beckon/internal/secret"
	"beckon/internal/signature"
)

const (
	// SecretOverlap is how long a secret still signs after another one has taken its place.
	SecretOverlap = 24 * time.Hour
	// maxRetired bounds the secrets that sign beside the newest: each is a signature in every request.
	maxRetired = 5
)

// Retired is a secret whose place another one has taken. It still signs until a time. An empty one is the gateway's key.
type Retired struct {
	Secret secret.String `json:"secret,omitempty"`
	Until  time.Time     `json:"until"`
}

func (e Endpoint) scheme() signature.Scheme {
	return signature.Scheme(cmp.Or(e.Signature, string(signature.Standard)))
}

// withSecret returns the endpoint with a new secret; the one before signs beside it for SecretOverlap, and so do those before
// that one as long as they did.
func (e Endpoint) withSecret(s secret.String, now time.Time) Endpoint {
	if s == e.Secret {
		return e
	}
	retired := append([]Retired{{e.Secret, now.UTC().Add(SecretOverlap)}}, e.Retired...)
	e.Secret = s
	e.Retired = slices.DeleteFunc(retired, func(old Retired) bool {
		return !now.Before(old.Until) || old.Secret == s || old.Secret == secret.Lost
	})
	e.Retired = e.Retired[:min(len(e.Retired), maxRetired)]
	return e
}

// OverlapUntil is when no secret but the newest signs any more; zero when there has been no other.
func (e Endpoint) OverlapUntil() time.Time {
	if len(e.Retired) == 0 {
		return time.Time{}
	}
	return e.Retired[0].Until
}

// signsStill returns the retired secrets that sign at a time.
func (e Endpoint) signsStill(now time.Time) (list []secret.String) {
	for _, old := range e.Retired {
		if now.Before(old.Until) {
			list = append(list, old.Secret)
		}
	}
	return list
}
