package signature

import (
	"slices"
	"time"

	"beckon/internal/secret"
)

const (
	// Overlap is how long a secret still signs after another one has replaced it.
	Overlap = 24 * time.Hour
	// maxRetired bounds the secrets that sign beside the newest: each is a signature in every request.
	maxRetired = 5
)

// Retired is a secret that another one has replaced. It still signs until a time. What an empty one stands for is said
// where the secret is.
type Retired struct {
	Secret secret.String `json:"secret,omitempty"`
	Until  time.Time     `json:"until"`
}

// Retire returns the retired secrets, newest first, when next replaces old at a time: old is among them for
// Overlap, unless it is next itself. Those that have ended, that do not open any more, or that are in use again are
// left out.
func Retire(list []Retired, old, next secret.String, now time.Time) []Retired {
	var all []Retired
	if next != old {
		all = append(all, Retired{old, now.UTC().Add(Overlap)})
	}
	all = slices.DeleteFunc(append(all, list...), func(r Retired) bool {
		return !now.Before(r.Until) || r.Secret == next || r.Secret == secret.Lost
	})
	return all[:min(len(all), maxRetired)]
}
