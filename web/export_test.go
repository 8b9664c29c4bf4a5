package web

import (
	"context"
	"io/fs"

	"beckon/clients"
	"beckon/internal/secret"
	"beckon/internal/store"
)

// For tests.
var (
	NewWith      = newWeb
	HashPassword = hashPassword
	Matches      = matches
	Destination  = destination
	Number       = number
	Percent      = percent
	Duration     = duration
	NewAttempts  = newAttempts
	SampleBody   = sampleBody
)

// The bounds that tests are about.
const (
	MaxAddresses = maxAddresses
	Policy       = policy
)

// EmbeddedAssets are those of this build.
func EmbeddedAssets() (fs.FS, error) { return fs.Sub(assetFiles, "assets") }

// Needed are the assets that the pages take from others.
func Needed() []string { return needed }

// Take and Forget count tries, Remembered says for how many addresses.
func (a *attempts) Take(address string) (wait int64) { return int64(a.count(address)) }

func (a *attempts) News(address string) bool { return a.shouldReport(address) }

func (a *attempts) Forget(address string) { a.forget(address) }

func (a *attempts) Remembered() int { return len(a.tries) }

// CheckWhileBusy checks a password while all that may be checked at once are, for a caller who leaves.
func CheckWhileBusy(s *store.Store, given string) error {
	p, err := newPassword(context.Background(), s, secret.String(given))
	if err == nil {
		err = p.ensureInForce(context.Background())
	}
	if err != nil {
		return err
	}
	for range hashers {
		p.hashSlots <- struct{}{}
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	_, _, err = p.check(gone, given)
	return err
}

// Snippets are the ways to call a client.
func Snippets(publicURL string, item clients.Client, token string) []snippet {
	return snippets(publicURL, item, secret.String(token))
}

// Explains reports whether a page says what a code means.
func Explains(code string) bool {
	_, refusal := refusalsByCode[code]
	_, failure := adviceByCode[code]
	return refusal || failure
}
